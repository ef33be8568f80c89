"""In processes of their own: orphans would stay with this one."""

import pytest

from tests.support.commands import python

COUNT = """
import subprocess, sys, time
from benchmarks.measurement.processes import Tree, adopt_orphans

adopt_orphans()
other = subprocess.Popen(["sleep", "60"])
tree = Tree()
# The shell ends at once: the busy process, and what it has used, become orphans.
busy = "import time\\nwhile time.process_time() < 0.5: pass\\nif {stay}: time.sleep(60)"
for stay in (True, False):
    script = busy.format(stay=stay)
    subprocess.Popen(["sh", "-c", f"{sys.executable} -c '{script}' & exit"]).wait()
end = time.monotonic() + 60
while tree.cpu_seconds() < 0.95 and time.monotonic() < end:
    time.sleep(0.05)
tree.settle()
print(round(tree.cpu_seconds(), 1))
memory = tree.memory()
print(0 < memory.pss <= memory.rss)
tree.kill()
print(tree.cpu_seconds(), tree.memory(), other.poll())
other.kill()
"""


@pytest.mark.slow
def test_orphans_and_the_dead_are_counted_and_ended() -> None:
    cpu, memory, end = python("-c", COUNT).splitlines()
    # Two times 0.5 s, the interpreters' own start included; the shells come in addition.
    assert 1.0 <= float(cpu) < 1.5
    assert memory == "True"
    assert end == "0 Memory(pss=0, rss=0) None"
