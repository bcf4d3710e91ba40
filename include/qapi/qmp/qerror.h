/* SPDX-License-Identifier: MIT */
/*
 * Messages for error_setg() that several drivers share, without arguments.
 */
#ifndef QAPI_QMP_QERROR_H
#define QAPI_QMP_QERROR_H

#define QERR_IO_ERROR "An IO error has occurred"

#endif
