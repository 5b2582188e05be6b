"""A cluster that speaks TLS only: for a client that has the certificate, and for nobody else."""

import shutil
import subprocess
from functools import partial

import dask
import numpy as np
import pytest
from dask_processes import Processes
from distributed import Security
from joblib import delayed
from partitions import rows, together

from patom import MTRLRegressor, workers
from patom.distributed import fit_distributed

pytestmark = [  # a cluster of its own for each test
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl"),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """One that vouches for itself, for an hour or so, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=patom-test"]
    made = [*command, "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(made, check=True, capture_output=True)
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.fixture(scope="module")
def security(certificate):
    cert, key = certificate
    return Security(require_encryption=True, tls_ca_file=cert, tls_client_cert=cert, tls_client_key=key)


@pytest.fixture(scope="module")
def encrypted(certificate, tmp_path_factory):
    cert, key = certificate
    options = ("--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key)
    processes = Processes(tmp_path_factory.mktemp("cluster"), options=options, protocol="tls")
    yield processes
    processes.end()


@pytest.fixture(scope="module")
def address(encrypted, security):
    with encrypted.client(security) as client:
        return client.scheduler.address


def test_a_client_with_the_certificate_fits(encrypted, security):
    X, y, task = together(2)
    with encrypted.client(security) as client:
        assert client.scheduler.address.startswith("tls://")
        with fit_distributed(MTRLRegressor(), [partial(rows, k) for k in range(2)], client) as fitted:
            found = fitted.model().coef_
    np.testing.assert_allclose(found, MTRLRegressor().fit(X, y, task=task).coef_, atol=1e-8)


def test_an_address_and_dasks_configuration_will_do(address, certificate):
    cert, key = certificate
    settings = {"ca-file": cert, "client.cert": cert, "client.key": key}
    with dask.config.set({f"distributed.comm.tls.{name}": value for name, value in settings.items()}):
        fit_distributed(MTRLRegressor(), [partial(rows, 0)], address).close()
        jobs = (delayed(pow)(2, k) for k in range(4))
        assert sorted(workers.as_they_finish(jobs, 1, dask=address)) == [1, 2, 4, 8]


@pytest.mark.parametrize("protocol", ["tls", "tcp"])
def test_nobody_comes_in_without_it(address, monkeypatch, protocol):
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 1.0)
    there = address.replace("tls", protocol)
    with pytest.raises(ConnectionError, match=f"^No dask scheduler answers at '{there}'"):
        fit_distributed(MTRLRegressor(), [partial(rows, 0)], there)
