"""What stands in ``PATH`` for a command that ``warm_python`` runs: asks for it and ends as it ends."""

import json
import os
import signal
import socket
import sys


def ask(place: str) -> int:
    """Have a command run; return its exit status, below 0 where a signal ended it."""
    folder, command = os.path.split(place)  # importing pathlib takes longer than all of this
    arguments = sys.argv
    if command == "python":
        arguments = sys.argv[1:]
        if arguments[:2] == ["-m", "dvc"]:
            command, arguments = "dvc", arguments[1:]
        elif not (arguments and arguments[0].endswith(".py")):
            os.execv(sys.executable, [sys.executable, *arguments])
    mask = os.umask(0)
    os.umask(mask)
    request = {
        "command": command,
        "python": f"{folder}/python",
        "arguments": arguments,
        "folder": os.getcwd(),  # noqa: PTH109
        "environment": dict(os.environ),
        "umask": mask,
    }
    body = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(f"{folder}/socket")
        socket.send_fds(asked, [b"%08d" % len(body)], [0, 1, 2])
        asked.sendall(body)
        with asked.makefile() as answer:
            number = int(answer.readline())
            signal.signal(signal.SIGINT, lambda kind, _: os.killpg(number, kind))  # as Ctrl-C would
            for kind in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(kind, lambda kind, _: os.kill(number, kind))
            return int(answer.readline())


if __name__ == "__main__":
    status = ask(sys.argv[0])
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
