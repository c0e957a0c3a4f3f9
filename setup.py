"""Packaging: the library in ``components/``, and copies of the files that it ships with."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SHIPPED = {
    "images": ("components/images", ("*/Dockerfile", "*/requirements*.in", "*/requirements*.lock")),
    "pipelines": ("pipelines/compiled", ("*.yaml",)),
    "schemas": ("schemas", ("*.json",)),
    "serving": ("serving", ("*.yaml",)),
}


class BuildWithShippedFiles(build_py):
    """Copies what ``plimsoll.shipped`` looks for into the wheel; a checkout has the originals."""

    def run(self) -> None:
        """Builds as ever, then adds the copies."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "plimsoll" / "_shipped"
        shutil.rmtree(target, ignore_errors=True)
        for source, copy in shipped_files():
            (target / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / copy)


def shipped_files() -> list[tuple[Path, Path]]:
    """Returns each file that the wheel carries besides modules, and its path in ``_shipped``."""
    return [
        (source, Path(name) / source.relative_to(ROOT / folder))
        for name, (folder, patterns) in SHIPPED.items()
        for pattern in patterns
        for source in sorted((ROOT / folder).glob(pattern))
    ]


def version() -> str:
    """Reads the version without importing the package."""
    text = (ROOT / "components/plimsoll/__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit("components/plimsoll/__init__.py holds no __version__")
    return found.group(1)


def readme() -> str:
    """Returns the front page, or nothing where only the package's files are at hand."""
    path = ROOT / "README.md"
    return path.read_text("utf-8") if path.is_file() else ""


setup(
    name="kfp-plimsoll",
    version=version(),
    description="Kubeflow Pipelines components from raw data to a monitored KServe endpoint",
    long_description=readme(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    package_dir={"": "components"},
    packages=find_packages("components", include=["plimsoll", "plimsoll.*"]),
    package_data={"plimsoll": ["py.typed"], "": ["*.css", "*.js"]},
    python_requires=">=3.11",
    install_requires=["kfp>=2.16,<3", "pydantic>=2.7", "pyyaml>=6"],
    extras_require={
        "local": ["rich>=13.7", "uv>=0.5"],
        # Where ingest runs outside its role's environment, which has both.
        "gcs": ["google-cloud-storage>=2.14"],
        "bigquery": ["google-cloud-bigquery>=3.20", "google-cloud-bigquery-storage>=2.24"],
        # Where trainings are told to Weights & Biases, which the image of train leaves out.
        "wandb": ["wandb>=0.18"],
    },
    entry_points={"console_scripts": ["plimsoll = plimsoll.cli:main"]},
    cmdclass={"build_py": BuildWithShippedFiles},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
