# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

from tests.deploy.memory import memory_mib, written_mib

STARTS_OTHERS = """
import subprocess
held = bytearray(100 << 20)
print(flush=True)
while True:
    subprocess.run(["true"])
"""


def test_a_child_that_is_no_program_of_its_own_yet_is_not_counted_a_second_time():
    with subprocess.Popen([sys.executable, "-c", STARTS_OTHERS], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            seen = [measure(process.pid) for measure in (memory_mib, written_mib) for _ in range(150)]
        finally:
            process.kill()
    assert min(seen) > 100
    assert max(seen) < 150
