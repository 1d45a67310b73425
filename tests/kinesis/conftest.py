"""A server that the tests of a process share, with boto3 and requests of our own against it."""

import os
import subprocess

import boto3
import pytest
from botocore.config import Config

from harness.server import Tailrace
from kinesis.stream import Kinesis

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def boto_client(address, service="kinesis", scheme="http", **more):
    """boto3's client as everybody has it, but that it never tries twice: a test sees what came first."""
    config = Config(
        retries={"total_max_attempts": 1},
        max_pool_connections=64,
        **({"parameter_validation": False} if more.pop("unchecked", False) else {}),
    )
    return boto3.client(
        service, endpoint_url=f"{scheme}://{address}", region_name="us-east-1", config=config,
        **(CREDENTIALS | more))  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_ours(tmp_path_factory):
    """What a developer has set up for AWS does not reach the clients."""
    nowhere = str(tmp_path_factory.mktemp("aws") / "none")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere}
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.fixture(scope="session")
def shared_tailrace(no_settings_of_ours):
    server = Tailrace({})
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def kinesis(request, shared_tailrace):
    """The API of a server that other tests use too, each with streams of its own."""
    request.node.servers = [shared_tailrace]
    yield from opened(shared_tailrace)


@pytest.fixture
def own_kinesis(request, tailrace, no_settings_of_ours):
    """The API of a server of the test's own: own_kinesis({...configuration...})."""
    made = []

    def make(config=None, client=None, scheme="http", **options):
        server = tailrace(config or {}, **options)
        made.append(Kinesis(server, boto_client(server.aws, scheme=scheme, **(client or {}))))
        return made[-1]

    yield make
    for kinesis in made:
        kinesis.close()


def opened(server):
    kinesis = Kinesis(server, boto_client(server.aws))
    yield kinesis
    kinesis.remove_streams()
    kinesis.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for this machine, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", "key.pem", "-out", "certificate.pem"],
        cwd=folder, check=True, capture_output=True)  # fmt: skip
    return {"certificate": str(folder / "certificate.pem"), "key": str(folder / "key.pem")}
