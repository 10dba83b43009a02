"""Tests of several hosts: network namespaces with a switch between them or, where these may not be made, this host alone
under its loopback address.

    python3 -m pytest tests/cluster [--braid build/release/braid]
"""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from cluster import Hosts, Cluster  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--braid", default=str(ROOT / "build" / "release" / "braid"), help="the program under test")


@pytest.fixture(scope="session")
def braid(request):
    return str(pathlib.Path(request.config.getoption("--braid")).resolve())


@pytest.fixture(scope="session")
def hosts():
    with Hosts(4) as made:
        yield made


@pytest.fixture(scope="session")
def key(braid, tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "cluster.key"
    subprocess.run([braid, "keygen", path], check=True)
    return path


@pytest.fixture
def start(braid, hosts, key):
    """Starts clusters; all of their processes end with the test."""
    started = []

    def start_one(num_nodes, *flags, **options):
        started.append(Cluster(braid, hosts, key, num_nodes, flags, **options))
        return started[-1]

    yield start_one
    for cluster in started:
        cluster.kill()
