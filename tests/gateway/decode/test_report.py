"""What `decode` prints, and to whom."""

import os
import subprocess
import sys


def test_a_reader_that_has_seen_enough_is_no_fault():
    """`decode … | head` ends well and without a word, although nobody takes the rest."""
    reader, writer = os.pipe()
    os.close(reader)
    code = "import sys; from gateway.decode.report import show; sys.exit(show('x' * 100_000, None))"
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")
