"""Layouts of the four original CIFAR archives: file names and published checksums."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArchiveLayout:
    """File names in one of the four archives; `archive` is the .tar.gz, `folder` its top folder."""

    dataset: str
    archive: str
    folder: str
    train_files: tuple[str, ...]
    test_file: str
    class_name_files: tuple[str, ...]

    @property
    def is_binary(self) -> bool:
        """True if batches are fixed-length records, not pickles."""
        return self.test_file.endswith(".bin")

    @property
    def has_coarse_labels(self) -> bool:
        """True if each image also has a coarse label."""
        return self.dataset == "cifar100"

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files to read."""
        return (*self.train_files, self.test_file, *self.class_name_files)


ARCHIVE_LAYOUTS = (
    ArchiveLayout(
        "cifar10",
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py",
        tuple(f"data_batch_{batch}" for batch in range(1, 6)),
        "test_batch",
        ("batches.meta",),
    ),
    ArchiveLayout(
        "cifar10",
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
        tuple(f"data_batch_{batch}.bin" for batch in range(1, 6)),
        "test_batch.bin",
        ("batches.meta.txt",),
    ),
    ArchiveLayout(
        "cifar100",
        "cifar-100-python.tar.gz",
        "cifar-100-python",
        ("train",),
        "test",
        ("meta",),
    ),
    ArchiveLayout(
        "cifar100",
        "cifar-100-binary.tar.gz",
        "cifar-100-binary",
        ("train.bin",),
        "test.bin",
        ("fine_label_names.txt", "coarse_label_names.txt"),
    ),
)

MD5_CHECKSUMS = {
    "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
    "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
    "cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85",
    "cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8",
    "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
    "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
    "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
    "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    "cifar-100-python/train": "16019d7e3df5f24257cddd939b257f8d",
    "cifar-100-python/test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "cifar-100-python/meta": "7973b15100ade9c7d40fb424638fde48",
}

FILE_SIZES = {
    **{f"cifar-10-batches-bin/data_batch_{batch}.bin": 10_000 * 3073 for batch in range(1, 6)},
    "cifar-10-batches-bin/test_batch.bin": 10_000 * 3073,
    "cifar-100-binary/train.bin": 50_000 * 3074,
    "cifar-100-binary/test.bin": 10_000 * 3074,
}
