"""What starting a command costs: nothing is imported that it does without."""

import subprocess
import sys
from pathlib import Path

import pytest

from chat.store import open_store

LATER = {
    "chat.cli.progress",
    "chat.cli.session_files",
    "chat.cli.sessions",
    "chat.config_keys",
    "chat.config_reading",
    "chat.conversation",
    "chat.environment",
    "chat.generation",
    "chat.images",
    "chat.likeness",
    "chat.loading",
    "chat.models.request",
    "chat.records",
    "chat.session",
    "chat.store.sessions",
    "chat.store.turns",
    "chat.talk.wording",
    "hashlib",
    "json",
}


@pytest.mark.parametrize("arguments", [["list"], ["search", "bird"]], ids=["list", "search"])
def test_listing_sessions_takes_nothing_that_reads_their_turns(tmp_path: Path, arguments: list[str]) -> None:
    db = tmp_path / "sessions.db"
    with open_store(db) as store:
        store.new_session(title="a bird")
    script = "import sys; from chat.cli.app import run; code = run(sys.argv[1:]); print(code, *sys.modules)"
    command = [sys.executable, "-c", script, "sessions", *arguments, "--db", str(db)]
    listed, modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    code, *loaded = modules.split()
    assert listed.endswith("a bird")
    assert code == "0"
    assert not LATER & set(loaded)


def test_ctrl_c_while_the_program_is_imported_is_no_error() -> None:
    script = """if True:
        import sys
        from chat.__main__ import main

        class Interrupting:
            def find_spec(self, name, *_):
                if name == "click":
                    raise KeyboardInterrupt

        sys.meta_path.insert(0, Interrupting())
        main()
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
