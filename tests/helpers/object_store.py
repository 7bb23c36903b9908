"""An S3 object store on the loopback interface, moto's, whose credentials expire after some uploads."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import boto3
import requests
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

EXPIRED = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "rocks", "AWS_SECRET_ACCESS_KEY": "rocks", "AWS_DEFAULT_REGION": "eu-central-1"}


class ObjectStore:
    """Takes so many uploads and refuses the next ones as S3 does when a session's token has expired.

    Args:
        bucket: A bucket to begin with.
        allowed: How many uploads it takes.

    Attributes:
        allowed: How many more it takes.
        address: Where it answers.
    """

    def __init__(self, bucket: str, allowed: int) -> None:
        self.bucket, self.allowed = bucket, 2
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
        if environment["REQUEST_METHOD"] in ("PUT", "POST"):
            if self.allowed < 1:
                Request(environment).get_data()  # the client sends all of it before it reads an answer
                return Response(EXPIRED, status=400, content_type="application/xml")(environment, start)
            self.allowed -= 1
        answer: Iterable[bytes] = self._application(environment, start)
        return answer

    def _client(self) -> Any:
        return boto3.client(  # type: ignore[no-untyped-call]
            "s3",
            endpoint_url=self.address,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
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
