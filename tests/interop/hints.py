# SPDX-License-Identifier: MIT
"""Hints: lines that minblk-io prints besides what qemu-io does."""
import re

HINTS = re.compile(r"^(Accepted values: |Known formats: |Did you mean '|Usage: "
                   r"|Try '|The '.*' after '|'.*' is (no whole number|a |empty)"
                   r"|If '.*' is the name|The limit is ).*\n", re.M)
