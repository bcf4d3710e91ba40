# SPDX-License-Identifier: MIT
"""Hints: what minblk-io prints besides what qemu-io does, in lines of its own."""
import re

HINTS = re.compile(r"^(Accepted values: |Known formats: |Did you mean '|Usage: "
                   r"|Try '|The '.*' after '|'.*' is (no whole number|a |empty)"
                   r"|If '.*' is the name|The limit is ).*\n", re.M)
