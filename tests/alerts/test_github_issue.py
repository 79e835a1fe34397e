import pytest

from evalkit.alerts.github_issue import GithubIssue
from evalkit.errors import AlertError
from tests.alerts.receiving import an_alert


async def test_the_file(tmp_path):
    done = await GithubIssue(base_dir=tmp_path).send(an_alert(lines=("12 *turned* <b>wrong</b>, ask @team",)))
    [path] = (tmp_path / "alerts").iterdir()
    assert done == f"wrote {path}"
    assert path.name.startswith("inference-qa-regression-qa-exact-gpt-")
    lines = path.read_text(encoding="utf-8").splitlines()
    identity = path.stem.rpartition("-")[2]
    assert lines[:3] == [
        "inference-qa: qa.exact of GPT fell by 4.0 points.",
        f"<!-- evalkit-alert: {identity} -->",
        "<!-- evalkit-state: open -->",
    ]
    assert "- 12 \\*turned\\* \\<b\\>wrong\\</b\\>, ask @\u200bteam" in lines
    assert "Report: <https://reports.example.org/2026-11-23.html>  " in lines
    assert lines[-1] == "inference-qa, night of 2026-11-23, since 2026-11-21."


async def test_one_alert_keeps_one_file_and_another_has_its_own(tmp_path):
    channel = GithubIssue(folder="out", base_dir=tmp_path)
    await channel.send(an_alert())
    await channel.send(
        an_alert(night="2026-11-24", is_closed=True, title="qa.exact GPT has recovered, after 3 nights.")
    )
    [path] = (tmp_path / "out").iterdir()
    text = path.read_text(encoding="utf-8")
    assert text.startswith("inference-qa: qa.exact GPT has recovered, after 3 nights.\n")
    assert "<!-- evalkit-state: closed -->" in text
    assert "**Closed by the night of 2026-11-24.**" in text
    await channel.send(an_alert(key="regression qa.exact Other"))
    assert len(list((tmp_path / "out").iterdir())) == 2


async def test_a_title_cannot_write_markers(tmp_path):
    await GithubIssue(base_dir=tmp_path).send(an_alert(title="a\n<!-- evalkit-state: closed -->", key="../../x\x00"))
    [path] = (tmp_path / "alerts").iterdir()
    assert path.read_text(encoding="utf-8").splitlines()[2] == "<!-- evalkit-state: open -->"


async def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "alerts").write_text("a file")
    with pytest.raises(AlertError, match=r"cannot be written \(File exists\)"):
        await GithubIssue(base_dir=tmp_path).send(an_alert())
