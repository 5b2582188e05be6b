"""What is fetched from where, and how its bytes are known to be right. No data is shipped with the package."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class RemoteFile:
    """A file that a data set needs.

    Parameters
    ----------
    name : str
        Where it is kept, relative to the data home, with forward slashes.
    url : str
        Where it is fetched from; empty for a file that is not published and that users may have.
    sha256 : str
        Of the file's bytes as published.
    size : int
        Number of those bytes.
    unpacked_sha256 : str, optional
        For a gzip file, of what it holds: a copy that was compressed again is as good as the published one.

    >>> SOURCES["landmine"].files[0].name
    'landmine/LandmineData.mat'
    """

    name: str
    url: str
    sha256: str
    size: int
    unpacked_sha256: str | None = None

    @property
    def content_sha256(self) -> str:
        """Of the bytes that are read in the end: what a gzip file holds, any other file itself."""
        return self.unpacked_sha256 or self.sha256


@dataclass(frozen=True)
class Source:
    """A data set that is fetched: its files, where it comes from and on what terms.

    Parameters
    ----------
    name : str
        As on the command line.
    title : str
        What it is, in a few words.
    files : tuple of RemoteFile
    origin : str
        Who made it and where it was published.
    terms : str
        One sentence on what its makers allow.

    >>> round(SOURCES["mnist"].size / 1e6, 1)
    11.6
    """

    name: str
    title: str
    files: tuple[RemoteFile, ...]
    origin: str
    terms: str

    @property
    def size(self) -> int:
        """Number of bytes of all files as they are fetched."""
        return sum(file.size for file in self.files)


_LANDMINE = Source(
    name="landmine",
    title="Landmine detection from radar images: 29 fields, 9 features, 14,820 rows",
    files=(
        RemoteFile(
            name="landmine/LandmineData.mat",
            url="https://raw.githubusercontent.com/daizhongxiang/Federated_Bayesian_Optimization/"
            "30a4548606f2ae9bc62c6bf0eb4110177aa3876a/LandmineData.mat",
            sha256="2163ab20a80e33a8b65593c48cf283c540599dcb291105e63fa4af2ce24c2bea",
            size=1_085_456,
        ),
    ),
    origin="Y. Xue, X. Liao, L. Carin and B. Krishnapuram, Multi-task learning for classification with Dirichlet "
    "process priors, JMLR 8 (2007); first published at http://www.ee.duke.edu/~lcarin/LandmineData.zip, fetched "
    "from a mirror",
    terms="No terms are stated.",
)

_GPML = "https://gaussianprocess.org/gpml/data"
SARCOS_PARTS = RemoteFile(
    name="sarcos/sarcos_train_parts.npz",
    url="",
    sha256="4ef494385b97d793248918dcbf8562ae56d15432c938a0721c58ae24a7c04bb2",
    size=1_905_504,
)
_SARCOS = Source(
    name="sarcos",
    title="Inverse dynamics of the SARCOS robot arm: 7 torques, 21 features, 44,484 + 4,449 rows",
    files=(
        RemoteFile(
            name="sarcos/sarcos_inv.mat",
            url=f"{_GPML}/sarcos_inv.mat",
            # from a public audit of the file; not computed again when this was written, unlike all the others
            sha256="b8a249733253ba6097372fedee7696833fcf30de42037d5b4a7227f21a6d1d97",
            size=9_964_616,
        ),
        RemoteFile(
            name="sarcos/sarcos_inv_test.mat",
            url=f"{_GPML}/sarcos_inv_test.mat",
            sha256="161a59b5c3b4f4b404584323f181607b2acbe620eb134dc720760dc3f38f5cec",
            size=996_776,
        ),
    ),
    origin="S. Vijayakumar and S. Schaal, Locally weighted projection regression, ICML 2000; as published with "
    "C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006), "
    "https://gaussianprocess.org/gpml/data/",
    terms="No terms are stated.",
)


def _mnist(stem: str, sha256: str, unpacked_sha256: str, size: int) -> RemoteFile:
    return RemoteFile(
        name=f"mnist/{stem}-ubyte.gz",
        url=f"https://storage.googleapis.com/cvdf-datasets/mnist/{stem}-ubyte.gz",
        sha256=sha256,
        size=size,
        unpacked_sha256=unpacked_sha256,
    )


_MNIST = Source(
    name="mnist",
    title="MNIST handwritten digits: 60,000 + 10,000 grey images of 28 x 28 pixels",
    files=(
        _mnist(
            "train-images-idx3",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            9_912_422,
        ),
        _mnist(
            "train-labels-idx1",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            28_881,
        ),
        _mnist(
            "t10k-images-idx3",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            1_648_877,
        ),
        _mnist(
            "t10k-labels-idx1",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            4_542,
        ),
    ),
    origin="Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits, "
    "http://yann.lecun.com/exdb/mnist/; fetched from a mirror",
    terms="Its authors' terms apply.",
)

SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in (_LANDMINE, _SARCOS, _MNIST)})
"""The data sets that are fetched, by name."""
