#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes what a VHD holds to another file, as --reader of the harness does.

  read-vhd.py IMAGE CONTENT
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       'interop'))
import vhd  # noqa: E402


def main(image, content):
    try:
        disk = vhd.Disk(pathlib.Path(image).read_bytes())
        with open(content, 'wb') as out:
            out.truncate(disk.size)
            for offset, data in disk.extents():
                out.seek(offset)
                out.write(data)
    except vhd.Refused as reason:
        return f'{image}: {reason}'
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
