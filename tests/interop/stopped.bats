#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Commands that are killed halfway and given again: stopped.py.

load helpers

@test "create" { "$python" "$here/stopped.py" create; }
@test "convert" { "$python" "$here/stopped.py" convert; }
@test "amend" { "$python" "$here/stopped.py" amend; }
@test "raw: dd, convert, resize" { "$python" "$here/stopped.py" raw; }
@test "check -r all" { "$python" "$here/stopped.py" repair; }
