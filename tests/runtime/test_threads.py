"""As a library, from several threads of one process at once."""

from concurrent.futures import ThreadPoolExecutor

from support import Folder

from nukeworks_migrate import down, status, up


def test_several_databases_are_migrated_at_once(tmp_path):
    folders = [Folder(tmp_path / str(number)) for number in range(6)]
    for folder in folders:
        folder.write("_names.py", f"TABLE = 'table_{folder.path.name}'")
        folder.add("0001_first", "from ._names import TABLE\ndb.execute(f'CREATE TABLE {TABLE} (id INTEGER)')")

    with ThreadPoolExecutor(6) as threads:
        reports = list(threads.map(lambda folder: up(folder.project()), folders))

    assert [report.version_after for report in reports] == [1] * 6
    assert all(f"table_{folder.path.name}" in folder.tables() for folder in folders)


def test_one_database_is_migrated_once_though_many_threads_ask(folder):
    for number in range(1, 6):
        folder.add_table(f"{number:04d}_t{number}", f"t{number}")

    with ThreadPoolExecutor(5) as threads:
        reports = list(threads.map(lambda _: up(folder.project(lock_timeout_s=60)), range(5)))

    assert sorted(len(report.steps) for report in reports) == [0, 0, 0, 0, 5]
    assert folder.applied() == [1, 2, 3, 4, 5]


def test_looking_goes_on_while_others_migrate(folder):
    folder.add_table("0001_one", "one")

    def back_and_forth(_):
        for _ in range(5):
            up(folder.project(lock_timeout_s=60))
            down(folder.project(lock_timeout_s=60), to="base")

    with ThreadPoolExecutor(3) as threads:
        migrating = threads.submit(back_and_forth, None)
        states = set()
        while not migrating.done():
            states.update(line.state.value for line in status(folder.project()).lines)
        migrating.result()

    assert states <= {"applied", "pending"}
