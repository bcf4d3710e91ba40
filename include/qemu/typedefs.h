/* SPDX-License-Identifier: MIT */
/*
 * Forward declarations of the project's types, so that headers can name each
 * other's without including each other.
 *
 * Every line has the form `typedef struct X X;`.  C11 lets the header that
 * completes a type repeat exactly that; types of another form (enums, function
 * types, structures without a tag) are declared by their own header only.
 */
#ifndef QEMU_TYPEDEFS_H
#define QEMU_TYPEDEFS_H

typedef struct AIOCBInfo AIOCBInfo;
typedef struct AioContext AioContext;
typedef struct BDRVReopenState BDRVReopenState;
typedef struct BdrvCheckResult BdrvCheckResult;
typedef struct BdrvChild BdrvChild;
typedef struct BdrvChildRole BdrvChildRole;
typedef struct BdrvTrackedRequest BdrvTrackedRequest;
typedef struct BlockAIOCB BlockAIOCB;
typedef struct BlockBackend BlockBackend;
typedef struct BlockDriver BlockDriver;
typedef struct BlockDriverInfo BlockDriverInfo;
typedef struct BlockDriverState BlockDriverState;
typedef struct BlockLimits BlockLimits;
typedef struct BlockReopenQueue BlockReopenQueue;
typedef struct CoMutex CoMutex;
typedef struct CoQueue CoQueue;
typedef struct CoRwlock CoRwlock;
typedef struct Coroutine Coroutine;
typedef struct Error Error;
typedef struct QBool QBool;
typedef struct QDict QDict;
typedef struct QDictEntry QDictEntry;
typedef struct QEMUBH QEMUBH;
typedef struct QEMUIOVector QEMUIOVector;
typedef struct QEMUTimer QEMUTimer;
typedef struct QEMUTimerList QEMUTimerList;
typedef struct QEnumLookup QEnumLookup;
typedef struct QList QList;
typedef struct QListEntry QListEntry;
typedef struct QNull QNull;
typedef struct QNum QNum;
typedef struct QObject QObject;
typedef struct QString QString;
typedef struct QemuOpt QemuOpt;
typedef struct QemuOpts QemuOpts;
typedef struct QemuOptsList QemuOptsList;
typedef struct Visitor Visitor;

#endif
