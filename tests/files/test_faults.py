"""Models, checkpoints and ONNX files that cannot be written: a clear error, the old file as it was, nothing left over."""

import importlib.util
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from child import PLACE, run_code
from full_disk import limited
from plain import PLAIN
from unprivileged import open_folder, unprivileged

import grukit
from grukit import GRURegressor
from grukit.interchange import to_onnx

ONNX = importlib.util.find_spec("onnxruntime") is not None
X = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0)
SETTINGS = {**PLAIN, "hidden_layer_sizes": 4, "window": 5, "max_iter": 12, "random_state": 0, "checkpoint_every": 3}


@pytest.fixture(scope="module")
def whole():
    """A fit that nothing disturbed."""
    return GRURegressor(**SETTINGS).fit(X, X.sum(axis=1))


@pytest.fixture
def written(tmp_path):
    """A folder with files of an older model, and what they hold."""
    return fill(tmp_path)


def fill(folder):
    old = GRURegressor(**{**SETTINGS, "max_iter": 9}).fit(X, X[:, 0])
    old.save(folder / "a.gru")
    if ONNX:
        to_onnx(old, folder / "a.onnx")
    begun = GRURegressor(**SETTINGS, checkpoint=folder / "a.ckpt", callbacks=lambda entry: entry["epoch"] == 5)
    begun.fit(X, X.sum(axis=1))
    return folder, {path.name: path.read_bytes() for path in folder.iterdir()}


def save(model, folder):
    model.save(folder / "a.gru")


def fit(model, folder):
    GRURegressor(**SETTINGS, checkpoint=folder / "a.ckpt").fit(X, X.sum(axis=1))


def export(model, folder):
    to_onnx(model, folder / "a.onnx")


def check_unharmed(folder, contents, whole):
    """The files are as they were, none is new, and what they are of can be had."""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
    assert grukit.load(folder / "a.gru").n_iter_ == 9
    resumed = GRURegressor(**SETTINGS, checkpoint=folder / "a.ckpt").fit(X, X.sum(axis=1), resume=True)
    assert resumed.n_iter_ == 12
    np.testing.assert_array_equal(resumed._fitted.parameters, whole._fitted.parameters)


WAYS = [(save, "a.gru"), (fit, "a.ckpt"), *([(export, "a.onnx")] if ONNX else [])]


@pytest.mark.parametrize(("way", "name"), WAYS)
@pytest.mark.parametrize("size", [0, 1000])
def test_a_limit_on_files(written, whole, way, name, size):
    folder, contents = written
    with limited(size), pytest.raises(OSError, match=rf"{name} could not be written: File too large\. It is as it was"):
        way(whole, folder)
    check_unharmed(folder, contents, whole)


def test_a_disk_that_is_full(tmp_path, whole):
    """A file system of 128 KiB, which another file fills."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "none", tmp_path], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        folder, contents = fill(tmp_path)
        with pytest.raises(OSError, match="No space left on device"):
            (folder / "more").write_bytes(bytes(1 << 18))
        contents["more"] = (folder / "more").read_bytes()
        for way, name in WAYS:
            with pytest.raises(
                OSError, match=rf"{name} could not be written: No space left on device\. It is as it was"
            ):
                way(whole, folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
        del contents["more"]
        (folder / "more").unlink()
        check_unharmed(folder, contents, whole)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_folder_that_takes_no_files(whole):
    with open_folder() as folder, unprivileged():
        (folder / "own").mkdir()
        _, contents = fill(folder / "own")
        os.chmod(folder / "own", 0o555)
        for way, name in WAYS:
            with pytest.raises(PermissionError, match=rf"{name} could not be written: Permission denied\. It is as it"):
                way(whole, folder / "own")
        os.chmod(folder / "own", 0o755)
        check_unharmed(folder / "own", contents, whole)


@pytest.mark.parametrize(("way", "name"), WAYS)
def test_a_link_or_a_folder_in_the_way(written, whole, way, name):
    folder, contents = written
    moved = folder.parent / "moved"
    moved.mkdir()
    (folder / name).rename(moved / name)
    (folder / name).symlink_to(moved / name)
    with pytest.raises(FileExistsError, match=rf"{name} is a symbolic link, to .*moved/{name}\. Give the file"):
        way(whole, folder)
    assert (folder / name).is_symlink() and (moved / name).read_bytes() == contents[name]
    assert sorted(path.name for path in folder.iterdir()) == sorted(contents)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(FileExistsError, match=f"{name} is a folder"):
        way(whole, folder)
    (folder / name).rmdir()
    (moved / name).rename(folder / name)
    check_unharmed(folder, contents, whole)
    shutil.rmtree(moved)


def test_a_failed_checkpoint_leaves_the_model_as_it_was(written, whole):
    folder, _ = written
    model = GRURegressor(**SETTINGS).fit(X, X[:, 1])
    before = model.predict(X)
    with limited(0), pytest.raises(OSError, match="File too large"):
        model.set_params(checkpoint=folder / "a.ckpt").fit(X, X.sum(axis=1))
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.skipif(sys.platform == "win32", reason="a home folder is found otherwise")
def test_without_a_home_and_in_a_folder_that_is_gone(tmp_path):
    """Neither fits, nor files by their whole path, ask for one; and none is made in the working folder."""
    (tmp_path / "here").mkdir()
    code = f"""
import os, sys
import numpy as np
del os.environ["HOME"]
os.environ.pop("XDG_CACHE_HOME", None)
from grukit import GRURegressor, load
X = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0)
model = GRURegressor(**{ {**SETTINGS, "max_iter": 3}!r}, checkpoint=sys.argv[1] + "/a.ckpt").fit(X, X.sum(axis=1))
model.save(sys.argv[1] + "/a.gru")
assert os.listdir() == [], os.listdir()
os.rmdir(os.getcwd())
assert np.array_equal(load(sys.argv[1] + "/a.gru").fit(X, X.sum(axis=1)).predict(X), model.predict(X))
"""
    output, errors = run_code(code, tmp_path, cwd=tmp_path / "here", PYTHONPATH=str(PLACE))
    assert output == errors == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "a.gru"]
