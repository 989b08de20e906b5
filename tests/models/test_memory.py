"""How much memory there is: what a container allows counts, and what is only cached does not."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from chat.models import memory
from chat.models.memory import cache_budget, free_memory, is_out_of_memory, out_of_memory_words, total_memory

GIB = 2**30


def write_group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the control groups are said to be; the process is in `0::/a/b` and in `memory` `/c`."""
    (tmp_path / "cgroup").write_text("5:cpu,cpuacct:/x\n4:memory:/c\n0::/a/b\n")
    monkeypatch.setattr(memory, "_PROCESS_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    return tmp_path / "groups"


def test_without_limits_all_that_is_available_is_free(groups: Path) -> None:
    write_group(groups / "a", memory__max="max\n", memory__current="5\n", memory__stat="inactive_file 1\n")
    assert free_memory("cpu") == pytest.approx(psutil.virtual_memory().available, abs=GIB)
    assert total_memory("cpu") == psutil.virtual_memory().total


@pytest.mark.parametrize("level", ["a/b", "a", ""])
def test_a_limit_of_the_group_or_of_one_above_it_counts(groups: Path, level: str) -> None:
    stat = f"anon 9\ninactive_file {GIB // 4}\n"
    write_group(groups / level, memory__max=f"{GIB}\n", memory__current=f"{GIB // 2}\n", memory__stat=stat)
    assert (free_memory("cpu"), total_memory("cpu")) == (3 * GIB // 4, GIB)


@pytest.mark.parametrize("place", ["memory/c", "memory"])
def test_a_limit_of_the_older_kind_counts_as_well(groups: Path, place: str) -> None:
    write_group(
        groups / place,
        memory__limit_in_bytes=f"{GIB}\n",
        memory__usage_in_bytes=f"{GIB // 2}\n",
        memory__stat="total_inactive_file 0\n",
    )
    assert free_memory("cpu") == GIB // 2


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's limits are a Unix thing")
def test_what_the_shell_allows_the_process_counts(groups: Path) -> None:
    told = "from chat.models.memory import free_memory, total_memory; print(free_memory('cpu'), total_memory('cpu'))"
    limited = f'ulimit -v {2 * GIB // 1024}; exec {sys.executable} -c "{told}"'
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=True)
    free, total = map(int, done.stdout.split())
    assert total == 2 * GIB
    assert 0 < free < 2 * GIB


def test_more_used_than_allowed_leaves_nothing(groups: Path) -> None:
    write_group(groups / "a", memory__max="10\n", memory__current="20\n", memory__stat="inactive_file 0\n")
    assert free_memory("cpu") == 0


def test_a_system_without_control_groups_has_no_limits(groups: Path, tmp_path: Path) -> None:
    (tmp_path / "cgroup").unlink()
    assert total_memory("cpu") == psutil.virtual_memory().total


def test_running_out_is_told_with_what_is_there_and_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_accelerator", lambda _: (3 * 2**20, 24 * GIB))
    words = out_of_memory_words("cuda:0")
    assert words.startswith("out of memory: 3.0 MiB of 24.0 GiB are free on cuda:0; ")
    assert "--quantize 4bit" in words
    assert "\n" not in words


def test_what_is_raised_when_memory_runs_out_is_known() -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("unable to mmap 9 bytes from file </x>: Cannot allocate memory (12)"))
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(OSError(12, "Cannot allocate memory"))


def test_half_of_what_is_free_may_be_kept() -> None:
    assert [cache_budget(free) for free in (0, 1001, GIB)] == [0, 500, GIB // 2]
