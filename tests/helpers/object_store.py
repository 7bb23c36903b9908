"""An S3 object store on the loopback interface, moto's, that refuses and damages what it is told to."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import boto3
import requests
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "rocks", "AWS_SECRET_ACCESS_KEY": "rocks", "AWS_DEFAULT_REGION": "eu-central-1"}


class ObjectStore:
    """Takes so many uploads and refuses the next ones as S3 does when a session's token has expired.

    Args:
        bucket: A bucket to begin with.
        allowed: How many uploads it takes.

    Attributes:
        allowed: How many more it takes.
        address: Where it answers.
        refusal: The code with which it answers everything, where that is not empty.
        damaged: Paths whose content arrives with other bytes.
        fetched: Paths whose content was asked for, in turn.
    """

    def __init__(self, bucket: str, allowed: int) -> None:
        self.bucket, self.allowed = bucket, 2
        self.refusal, self.damaged = "", set[str]()
        self.fetched: list[str] = []
        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        requests.post(f"{self.address}/moto-api/reset", timeout=30)  # what one holds, all of this process hold
        self._client().create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": CREDENTIALS["AWS_DEFAULT_REGION"]}
        )
        self.allowed = allowed

    def _answer(self, environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """A WSGI application."""
        method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"].removeprefix(f"/{self.bucket}/")
        code = self.refusal
        if method in ("PUT", "POST"):
            code = code or ("" if self.allowed > 0 else "ExpiredToken")
            self.allowed -= 1
        if code:
            Request(environment).get_data()  # the client sends all of it before it reads an answer
            status = 403 if code == "AccessDenied" else 400
            error = f"<Error><Code>{code}</Code><Message>for {CREDENTIALS['AWS_ACCESS_KEY_ID']}</Message></Error>"
            return Response(error, status=status, content_type="application/xml")(environment, start)
        answer: Iterable[bytes] = self._application(environment, start)
        if method == "GET" and "list-type" not in environment["QUERY_STRING"]:
            self.fetched.append(path)
            if path in self.damaged:
                return [bytes(255 - byte for byte in b"".join(answer))]
        return answer

    def put(self, key: str, content: bytes, **about: Any) -> None:
        """Hold an object, whose only hash is its ``ETag`` unless ``ChecksumAlgorithm`` is given."""
        plain = Config(request_checksum_calculation="when_required")  # type: ignore[no-untyped-call]
        self._client(plain).put_object(Bucket=self.bucket, Key=key, Body=content, **about)

    def remove(self, key: str) -> None:
        """Hold an object no more."""
        self._client().delete_object(Bucket=self.bucket, Key=key)

    def clear(self) -> None:
        """Hold nothing, refuse nothing, and forget what was asked for."""
        self.refusal = ""
        client = self._client()
        for each in client.list_objects_v2(Bucket=self.bucket).get("Contents", []):
            client.delete_object(Bucket=self.bucket, Key=each["Key"])
        self.damaged.clear()
        self.fetched.clear()

    def _client(self, config: Config | None = None) -> Any:
        return boto3.client(  # type: ignore[no-untyped-call]
            "s3",
            endpoint_url=self.address,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
            config=config,
        )

    def objects(self) -> dict[str, bytes]:
        """Return what it holds, by the last part of its name, as a client of S3 gets it."""
        client = self._client()
        listed = client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            each["Key"].rpartition("/")[2]: client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()
            for each in listed
        }

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
