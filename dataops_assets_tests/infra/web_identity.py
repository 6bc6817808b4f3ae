"""A stand-in for AWS's STS that gives roles to bearers of tokens (SeaweedFS), and an issuer of such tokens.

Here: both servers, and how a trust policy is said to that one. Not here: which tokens must get what (test_web_identity.py).

It takes the trust policies as they are rendered, but for three things: it knows one provider of tokens, so that of each account
gets the same name; it calls what a token says `oidc:sub`, where AWS puts the issuer in front; and it compares the audience with
that of the provider, which here is what the policies ask for, instead of in a condition.
"""

import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import jwt
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import rsa

from dataops_assets_tests.checkout import BIN
from dataops_assets_tests.s3_server import ONCE, REGION

WEED = BIN / "weed"
ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
_PROVIDER = f"arn:aws:iam::000000000000:oidc-provider/{ISSUER}"
_ROLE = "arn:aws:iam::000000000000:role/"


class Issuer:
    """Who signs tokens, in a thread of this process: tells its keys, and has one more that it does not tell."""

    def __init__(self) -> None:
        self._key, self._other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        keys = {"keys": [key | {"kid": "one", "use": "sig"}]}

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told = json.dumps(keys).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def token(self, key: str = "told", **changes: Any) -> str:
        """A token that says what GitHub says, but for the changes."""
        now = int(time.time())
        said = {"iss": self.address, "aud": AUDIENCE, "iat": now - 60, "nbf": now - 60, "exp": now + 600} | changes
        return jwt.encode(said, self._key if key == "told" else self._other, algorithm="RS256", headers={"kid": "one"})


@dataclass(frozen=True)
class Roles:
    """The server, and who signs the tokens that it takes."""

    address: str
    issuer: Issuer

    def arn_by(self, role: str, token: str) -> str:
        """Who somebody is that becomes a role by a token.

        Raises:
            ClientError: He does not become it.
        """
        unsigned = self._sts(aws_access_key_id="none", aws_secret_access_key="none")
        given = unsigned.assume_role_with_web_identity(RoleArn=_ROLE + role, RoleSessionName="session", WebIdentityToken=token)
        keys = given["Credentials"]
        session = self._sts(
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        arn: str = session.get_caller_identity()["Arn"]
        return arn

    def _sts(self, **keys: str) -> Any:
        return boto3.client("sts", endpoint_url=self.address, region_name=REGION, config=Config(retries=ONCE), **keys)


@contextmanager
def serving(trusts: Mapping[str, Any], work: Path) -> Iterator[Roles]:
    """The server, in which some roles are, each with its trust policy."""
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, daemon=True)
    thread.start()
    port = _free_ports()
    (work / "data").mkdir()
    (work / "roles.json").write_text(json.dumps(_configuration(trusts, issuer)))
    root = {"name": "root", "credentials": [{"accessKey": "root", "secretKey": "root"}], "actions": ["Admin"]}
    (work / "identities.json").write_text(json.dumps({"identities": [root]}))
    master, volume, filer = (port + one for one in (1, 2, 3))
    command = [
        *(str(WEED), "-logtostderr=true", "server", f"-dir={work / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *("-master.telemetry=false", "-volume.max=1", "-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0"),
        *(f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={port}"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-s3.config={work / 'identities.json'}", f"-s3.iam.config={work / 'roles.json'}"),
    ]
    with (work / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=_environment(), cwd=work)
    try:
        _wait_for(f"http://127.0.0.1:{port}", server, work / "log")
        yield Roles(f"http://127.0.0.1:{port}", issuer)
    finally:
        server.kill()  # asked to, it takes a quarter of a minute, and nothing of it is kept
        server.wait()
        issuer.server.shutdown()
        issuer.server.server_close()


def _configuration(trusts: Mapping[str, Any], issuer: Issuer) -> dict[str, Any]:
    config = {"issuer": issuer.address, "clientId": AUDIENCE, "jwksUri": f"{issuer.address}/keys"}
    nothing = {"Version": "2012-10-17", "Statement": []}
    return {
        "sts": {
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
            "issuer": "tests",
            "signingKey": "bm90LWEtc2VjcmV0LTMyLWNoYXJhY3RlcnMtbG9uZy4=",
            "providers": [{"name": _PROVIDER, "type": "oidc", "enabled": True, "config": config}],
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "roleStore": {"storeType": "memory"},
        "roles": [
            {"roleName": name, "roleArn": _ROLE + name, "attachedPolicies": ["none"], "trustPolicy": _translated(trust)}
            for name, trust in trusts.items()
        ],
        "policies": [{"name": "none", "document": nothing}],
    }


def _translated(trust: dict[str, Any]) -> dict[str, Any]:
    (statement,) = trust["Statement"]
    asked = dict(statement["Condition"]["StringEquals"])
    assert statement["Condition"].keys() == {"StringEquals"}
    assert asked.pop(f"{ISSUER}:aud") == AUDIENCE
    claims = {f"oidc:{key.removeprefix(f'{ISSUER}:')}": value for key, value in asked.items()}
    assert claims.keys() == {"oidc:sub", "oidc:repository_id"}
    said = {"Principal": {"Federated": _PROVIDER}, "Condition": {"StringEquals": claims}}
    return trust | {"Statement": [statement | said | {"Action": [statement["Action"]]}]}


def _free_ports() -> int:
    """The first of four in a row that nobody listens on, nor on those 10,000 above."""
    for first in range(20_000 + os.getpid() % 1_000 * 20, 55_000, 4):
        with suppress(OSError):
            for port in (first + one + above for one in range(4) for above in (0, 10_000)):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
    raise AssertionError("all ports are taken")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEED_"))}


def _wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text()[-3000:])
