/* SPDX-License-Identifier: MIT */
/* What QEMU 8.2 has here, QEMU 5.0 has in qemu/osdep.h. */
#include "qemu/osdep.h"
