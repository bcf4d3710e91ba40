/* SPDX-License-Identifier: MIT */
/*
 * The interface that drivers written for QEMU 5.0 are compiled against: each
 * name has the type that those drivers expect.
 *
 * Most of this file is checked by the compiler: it does not compile when a
 * prototype, a field or a constant is another one.  Headers that drivers reach
 * through others only (block/block.h, block/aio.h, qemu/coroutine.h,
 * qemu/timer.h, qemu/iov.h, qemu/queue.h, qapi/qmp/qdict.h, qapi/visitor.h and
 * the generated types) are left out of the includes on purpose.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "sysemu/block-backend.h"
#include "sysemu/replay.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "migration/blocker.h"
#include "qemu/bswap.h"
#include "qemu/uuid.h"
#include "qemu/units.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/bitmap.h"
#include "qemu/crc32c.h"
#include "qapi/qmp/qerror.h"
#include "qapi/qmp/qstring.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qapi-visit-block-core.h"

/* @expr has exactly the type that follows. */
#define TYPE(expr, ...)                                                       \
    _Static_assert(__builtin_types_compatible_p(__typeof__(expr),             \
                                                __VA_ARGS__), #expr)
#define FIELD(type, field, ...) TYPE(((type *)NULL)->field, __VA_ARGS__)
#define VALUE(constant, value) _Static_assert((constant) == (value), #constant)

/* ---- qemu/ -------------------------------------------------------------- */

TYPE(qemu_vfree, void (void *));
TYPE(is_power_of_2, bool (uint64_t));
VALUE(ROUND_UP(INT64_C(0x1234567890), (uint32_t)0x200000), 0x1234600000);
VALUE(DIV_ROUND_UP(7, 3), 3);

TYPE(be16_to_cpu, uint16_t (uint16_t));
TYPE(be32_to_cpu, uint32_t (uint32_t));
TYPE(be64_to_cpu, uint64_t (uint64_t));
TYPE(cpu_to_be16, uint16_t (uint16_t));
TYPE(cpu_to_be32, uint32_t (uint32_t));
TYPE(cpu_to_be64, uint64_t (uint64_t));
TYPE(be32_to_cpus, void (uint32_t *));
TYPE(le16_to_cpu, uint16_t (uint16_t));
TYPE(le32_to_cpu, uint32_t (uint32_t));
TYPE(le64_to_cpu, uint64_t (uint64_t));
TYPE(cpu_to_le16, uint16_t (uint16_t));
TYPE(cpu_to_le32, uint32_t (uint32_t));
TYPE(cpu_to_le64, uint64_t (uint64_t));
TYPE(le32_to_cpus, void (uint32_t *));

TYPE(le16_to_cpus, void (uint16_t *));
TYPE(le64_to_cpus, void (uint64_t *));
TYPE(cpu_to_le16s, void (uint16_t *));
TYPE(cpu_to_le32s, void (uint32_t *));
TYPE(cpu_to_le64s, void (uint64_t *));
TYPE(lduw_le_p, uint16_t (const void *));
TYPE(ldl_le_p, uint32_t (const void *));
TYPE(ldq_le_p, uint64_t (const void *));
TYPE(stw_le_p, void (void *, uint16_t));
TYPE(stq_le_p, void (void *, uint64_t));
TYPE(stl_le_p, void (void *, uint32_t));

TYPE(crc32c, uint32_t (uint32_t, const uint8_t *, unsigned int));
TYPE(bitmap_new, unsigned long *(long));
TYPE(bitmap_zero, void (unsigned long *, long));
TYPE(bitmap_set, void (unsigned long *, long, long));
TYPE(find_first_bit, unsigned long (const unsigned long *, unsigned long));
TYPE(find_next_bit, unsigned long (const unsigned long *, unsigned long,
                                   unsigned long));

VALUE(sizeof(QemuUUID), 16);
VALUE(UUID_FMT_LEN, 36);
FIELD(QemuUUID, data, unsigned char[16]);
FIELD(QemuUUID, fields.time_low, uint32_t);
FIELD(QemuUUID, fields.time_high_and_version, uint16_t);
FIELD(QemuUUID, fields.node, uint8_t[6]);
TYPE(qemu_uuid_generate, void (QemuUUID *));
TYPE(qemu_uuid_is_null, int (const QemuUUID *));
TYPE(qemu_uuid_unparse, void (const QemuUUID *, char *));
TYPE(qemu_uuid_bswap, QemuUUID (QemuUUID));

TYPE(register_module_init, void (void (*)(void), module_init_type));
TYPE(module_call_init, void (module_init_type));
VALUE(sizeof(block_module_load_one("part")) > 0, true);
TYPE(pstrcpy, void (char *, int, const char *));
TYPE(KiB, int64_t);
VALUE(EiB, INT64_C(1) << 60);

FIELD(QemuOptDesc, type, enum QemuOptType);
FIELD(QemuOptDesc, def_value_str, const char *);
FIELD(QemuOptsList, name, const char *);
FIELD(QemuOptsList, implied_opt_name, const char *);
FIELD(QemuOptsList, merge_lists, bool);
FIELD(QemuOptsList, head.tqh_first, struct QemuOpts *);
FIELD(QemuOptsList, head.tqh_circ, QTailQLink);
FIELD(QemuOptsList, desc, QemuOptDesc[]);
VALUE(QEMU_OPT_STRING, 0);
VALUE(QEMU_OPT_SIZE, 3);
TYPE(qemu_opts_create, QemuOpts *(QemuOptsList *, const char *, int,
                                  Error **));
TYPE(qemu_opts_del, void (QemuOpts *));
TYPE(qemu_opt_get, const char *(QemuOpts *, const char *));
TYPE(qemu_opt_get_del, char *(QemuOpts *, const char *));
TYPE(qemu_opt_find, QemuOpt *(QemuOpts *, const char *));
TYPE(qemu_opt_get_bool, bool (QemuOpts *, const char *, bool));
TYPE(qemu_opt_get_bool_del, bool (QemuOpts *, const char *, bool));
TYPE(qemu_opt_get_number, uint64_t (QemuOpts *, const char *, uint64_t));
TYPE(qemu_opt_get_size, uint64_t (QemuOpts *, const char *, uint64_t));
TYPE(qemu_opt_get_size_del, uint64_t (QemuOpts *, const char *, uint64_t));
TYPE(qemu_opts_absorb_qdict, void (QemuOpts *, QDict *, Error **));
TYPE(qemu_opts_to_qdict_filtered, QDict *(QemuOpts *, QDict *, QemuOptsList *,
                                          bool));

FIELD(QEMUIOVector, iov, struct iovec *);
FIELD(QEMUIOVector, niov, int);
FIELD(QEMUIOVector, size, size_t);
TYPE(qemu_iovec_init, void (QEMUIOVector *, int));
TYPE(qemu_iovec_destroy, void (QEMUIOVector *));
TYPE(qemu_iovec_reset, void (QEMUIOVector *));
TYPE(qemu_iovec_add, void (QEMUIOVector *, void *, size_t));
TYPE(qemu_iovec_concat, void (QEMUIOVector *, QEMUIOVector *, size_t, size_t));
TYPE(qemu_iovec_memset, size_t (QEMUIOVector *, size_t, int, size_t));
TYPE(qemu_iovec_from_buf, size_t (QEMUIOVector *, size_t, const void *,
                                  size_t));
TYPE(qemu_iovec_to_buf, size_t (QEMUIOVector *, size_t, void *, size_t));

VALUE(sizeof(CoMutex) > 0 && sizeof(CoRwlock) > 0, true);
TYPE(qemu_co_mutex_init, void (CoMutex *));
TYPE(qemu_co_mutex_lock, void (CoMutex *));
TYPE(qemu_co_mutex_unlock, void (CoMutex *));
TYPE(qemu_co_rwlock_init, void (CoRwlock *));
TYPE(qemu_co_rwlock_rdlock, void (CoRwlock *));
TYPE(qemu_co_rwlock_wrlock, void (CoRwlock *));
TYPE(qemu_co_rwlock_upgrade, void (CoRwlock *));
TYPE(qemu_co_rwlock_downgrade, void (CoRwlock *));
TYPE(qemu_co_rwlock_unlock, void (CoRwlock *));
TYPE(qemu_co_sleep_ns, void (QEMUClockType, int64_t));

VALUE(sizeof(QEMUTimer) > 0, true);
VALUE(QEMU_CLOCK_REALTIME, 0);
VALUE(QEMU_CLOCK_VIRTUAL, 1);
VALUE(QEMU_CLOCK_HOST, 2);
VALUE(SCALE_NS, 1);
VALUE(SCALE_MS, 1000000);
TYPE(QEMUTimerCB, void (void *));
TYPE(qemu_clock_get_ns, int64_t (QEMUClockType));
TYPE(timer_mod_ns, void (QEMUTimer *, int64_t));
TYPE(timer_deinit, void (QEMUTimer *));

TYPE(error_report, void (const char *, ...));
TYPE(warn_report, void (const char *, ...));
TYPE(info_report, void (const char *, ...));

/* ---- qapi/, block/qdict.h, migration/ ----------------------------------- */

TYPE(error_abort, Error *);
TYPE(error_fatal, Error *);
TYPE(error_propagate, void (Error **, Error *));
TYPE(error_append_hint, void (Error *const *, const char *, ...));
TYPE(error_prepend, void (Error *const *, const char *, ...));
TYPE(error_free, void (Error *));
TYPE(error_report_err, void (Error *));
TYPE(warn_report_err, void (Error *));

VALUE(offsetof(QDict, base), 0);
VALUE(offsetof(QString, base), 0);
TYPE(QOBJECT((QDict *)NULL), QObject *);
TYPE(qdict_put_str, void (QDict *, const char *, const char *));
TYPE(qdict_first, const QDictEntry *(const QDict *));
TYPE(qdict_next, const QDictEntry *(const QDict *, const QDictEntry *));
TYPE(qdict_entry_key, const char *(const QDictEntry *));
TYPE(qstring_from_str, QString *(const char *));
TYPE(qstring_get_str, const char *(const QString *));
VALUE(QTYPE_QNULL, 1);
VALUE(QTYPE_QDICT, 4);
VALUE(QTYPE__MAX, 7);
FIELD(QEnumLookup, array, const char *const *);
FIELD(QEnumLookup, size, int);
TYPE(qapi_enum_parse, int (const QEnumLookup *, const char *, int, Error **));
VALUE(sizeof(QERR_IO_ERROR), sizeof("An IO error has occurred"));
TYPE(qdict_put_null, void (QDict *, const char *));
TYPE(qlist_new, QList *(void));
TYPE(qobject_ref((QDict *)NULL), QDict *);

FIELD(QDictRenames, from, const char *);
TYPE(qdict_rename_keys, bool (QDict *, const QDictRenames *, Error **));
TYPE(qobject_input_visitor_new_flat_confused, Visitor *(QDict *, Error **));
TYPE(visit_free, void (Visitor *));
TYPE(visit_type_BlockdevCreateOptions,
     void (Visitor *, const char *, BlockdevCreateOptions **, Error **));
TYPE(qapi_free_BlockdevCreateOptions, void (BlockdevCreateOptions *));
TYPE(qapi_free_BlockMeasureInfo, void (BlockMeasureInfo *));
TYPE(migrate_add_blocker, int (Error *, Error **));
TYPE(migrate_del_blocker, void (Error *));

VALUE(BLOCKDEV_VPC_SUBFORMAT_DYNAMIC, 0);
VALUE(BLOCKDEV_VPC_SUBFORMAT_FIXED, 1);
VALUE(BLOCKDEV_VPC_SUBFORMAT__MAX, 2);
VALUE(PREALLOC_MODE_OFF, 0);
VALUE(PREALLOC_MODE_METADATA, 1);
VALUE(PREALLOC_MODE_FALLOC, 2);
VALUE(PREALLOC_MODE_FULL, 3);
VALUE(PREALLOC_MODE__MAX, 4);
TYPE(BlockdevVpcSubformat_lookup, const QEnumLookup);
TYPE(BlockdevDriver_lookup, const QEnumLookup);
TYPE(PreallocMode_lookup, const QEnumLookup);
FIELD(BlockdevCreateOptions, driver, BlockdevDriver);
FIELD(BlockdevCreateOptions, u.vpc, BlockdevCreateOptionsVpc);
FIELD(BlockdevCreateOptions, u.vdi, BlockdevCreateOptionsVdi);
FIELD(BlockdevCreateOptionsVpc, file, BlockdevRef *);
FIELD(BlockdevCreateOptionsVpc, size, uint64_t);
FIELD(BlockdevCreateOptionsVpc, has_subformat, bool);
FIELD(BlockdevCreateOptionsVpc, subformat, BlockdevVpcSubformat);
FIELD(BlockdevCreateOptionsVpc, has_force_size, bool);
FIELD(BlockdevCreateOptionsVpc, force_size, bool);
FIELD(BlockdevCreateOptionsVdi, file, BlockdevRef *);
FIELD(BlockdevCreateOptionsVdi, size, uint64_t);
FIELD(BlockdevCreateOptionsVdi, has_preallocation, bool);
FIELD(BlockdevCreateOptionsVdi, preallocation, PreallocMode);
VALUE(BLOCKDEV_DRIVER_VHDX > 0 && BLOCKDEV_DRIVER_PARALLELS > 0 &&
      BLOCKDEV_DRIVER_VMDK > 0 && BLOCKDEV_DRIVER_DMG > 0 &&
      BLOCKDEV_DRIVER_COPY_ON_READ > 0, true);
VALUE(BLOCKDEV_VHDX_SUBFORMAT_DYNAMIC, 0);
VALUE(BLOCKDEV_VHDX_SUBFORMAT_FIXED, 1);
VALUE(BLOCKDEV_VHDX_SUBFORMAT__MAX, 2);
TYPE(BlockdevVhdxSubformat_lookup, const QEnumLookup);
FIELD(BlockdevCreateOptions, u.vhdx, BlockdevCreateOptionsVhdx);
FIELD(BlockdevCreateOptionsVhdx, file, BlockdevRef *);
FIELD(BlockdevCreateOptionsVhdx, size, uint64_t);
FIELD(BlockdevCreateOptionsVhdx, has_log_size, bool);
FIELD(BlockdevCreateOptionsVhdx, log_size, uint64_t);
FIELD(BlockdevCreateOptionsVhdx, has_block_size, bool);
FIELD(BlockdevCreateOptionsVhdx, block_size, uint64_t);
FIELD(BlockdevCreateOptionsVhdx, has_subformat, bool);
FIELD(BlockdevCreateOptionsVhdx, subformat, BlockdevVhdxSubformat);
FIELD(BlockdevCreateOptionsVhdx, has_block_state_zero, bool);
FIELD(BlockdevCreateOptionsVhdx, block_state_zero, bool);
FIELD(BlockdevCreateOptions, u.parallels, BlockdevCreateOptionsParallels);
FIELD(BlockdevCreateOptionsParallels, file, BlockdevRef *);
FIELD(BlockdevCreateOptionsParallels, size, uint64_t);
FIELD(BlockdevCreateOptionsParallels, has_cluster_size, bool);
FIELD(BlockdevCreateOptionsParallels, cluster_size, uint64_t);
VALUE(BLOCKDEV_VMDK_SUBFORMAT_MONOLITHICSPARSE, 0);
VALUE(BLOCKDEV_VMDK_SUBFORMAT_MONOLITHICFLAT, 1);
VALUE(BLOCKDEV_VMDK_SUBFORMAT_TWOGBMAXEXTENTSPARSE, 2);
VALUE(BLOCKDEV_VMDK_SUBFORMAT_TWOGBMAXEXTENTFLAT, 3);
VALUE(BLOCKDEV_VMDK_SUBFORMAT_STREAMOPTIMIZED, 4);
VALUE(BLOCKDEV_VMDK_ADAPTER_TYPE_IDE, 0);
VALUE(BLOCKDEV_VMDK_ADAPTER_TYPE_BUSLOGIC, 1);
VALUE(BLOCKDEV_VMDK_ADAPTER_TYPE_LSILOGIC, 2);
VALUE(BLOCKDEV_VMDK_ADAPTER_TYPE_LEGACYESX, 3);
TYPE(BlockdevVmdkSubformat_lookup, const QEnumLookup);
TYPE(BlockdevVmdkAdapterType_lookup, const QEnumLookup);
FIELD(BlockdevCreateOptions, u.vmdk, BlockdevCreateOptionsVmdk);
FIELD(BlockdevCreateOptionsVmdk, file, BlockdevRef *);
FIELD(BlockdevCreateOptionsVmdk, size, uint64_t);
FIELD(BlockdevCreateOptionsVmdk, has_extents, bool);
FIELD(BlockdevCreateOptionsVmdk, extents, BlockdevRefList *);
FIELD(BlockdevCreateOptionsVmdk, has_subformat, bool);
FIELD(BlockdevCreateOptionsVmdk, subformat, BlockdevVmdkSubformat);
FIELD(BlockdevCreateOptionsVmdk, has_backing_file, bool);
FIELD(BlockdevCreateOptionsVmdk, backing_file, char *);
FIELD(BlockdevCreateOptionsVmdk, has_adapter_type, bool);
FIELD(BlockdevCreateOptionsVmdk, adapter_type, BlockdevVmdkAdapterType);
FIELD(BlockdevCreateOptionsVmdk, has_hwversion, bool);
FIELD(BlockdevCreateOptionsVmdk, hwversion, char *);
FIELD(BlockdevCreateOptionsVmdk, has_zeroed_grain, bool);
FIELD(BlockdevCreateOptionsVmdk, zeroed_grain, bool);
FIELD(BlockdevRefList, next, BlockdevRefList *);
FIELD(BlockdevRefList, value, BlockdevRef *);
FIELD(ImageInfoSpecific, type, ImageInfoSpecificKind);
FIELD(ImageInfoSpecific, u.vmdk.data, ImageInfoSpecificVmdk *);
VALUE(IMAGE_INFO_SPECIFIC_KIND_VMDK > 0, true);
FIELD(ImageInfoSpecificVmdk, create_type, char *);
FIELD(ImageInfoSpecificVmdk, cid, int64_t);
FIELD(ImageInfoSpecificVmdk, parent_cid, int64_t);
FIELD(ImageInfoSpecificVmdk, extents, ImageInfoList *);
FIELD(ImageInfoList, value, ImageInfo *);
FIELD(ImageInfo, filename, char *);
FIELD(ImageInfo, format, char *);
FIELD(ImageInfo, virtual_size, int64_t);
FIELD(ImageInfo, has_cluster_size, bool);
FIELD(ImageInfo, cluster_size, int64_t);
FIELD(ImageInfo, has_compressed, bool);
FIELD(ImageInfo, compressed, bool);
FIELD(BlockdevRef, type, QType);
FIELD(BlockdevRef, u.definition, BlockdevOptions);
FIELD(BlockdevRef, u.reference, char *);
FIELD(BlockMeasureInfo, required, int64_t);
FIELD(BlockMeasureInfo, fully_allocated, int64_t);
VALUE(sizeof(BlockMeasureInfo), 2 * sizeof(int64_t));

/* ---- block/aio.h, sysemu/replay.h --------------------------------------- */

TYPE(BlockCompletionFunc, void (void *, int));
TYPE(QEMUBHFunc, void (void *));
FIELD(BlockAIOCB, aiocb_info, const AIOCBInfo *);
FIELD(BlockAIOCB, bs, BlockDriverState *);
FIELD(BlockAIOCB, cb, BlockCompletionFunc *);
FIELD(BlockAIOCB, opaque, void *);
FIELD(BlockAIOCB, refcnt, int);
FIELD(AIOCBInfo, cancel_async, void (*)(BlockAIOCB *));
FIELD(AIOCBInfo, get_aio_context, AioContext *(*)(BlockAIOCB *));
FIELD(AIOCBInfo, aiocb_size, size_t);
TYPE(qemu_aio_get, void *(const AIOCBInfo *, BlockDriverState *,
                          BlockCompletionFunc *, void *));
TYPE(qemu_aio_unref, void (void *));
TYPE(aio_timer_init, void (AioContext *, QEMUTimer *, QEMUClockType, int,
                           QEMUTimerCB *, void *));
TYPE(replay_bh_schedule_oneshot_event, void (AioContext *, QEMUBHFunc *,
                                             void *));

/* ---- block/block.h: values and structures ------------------------------- */

TYPE(BDRV_SECTOR_SIZE, unsigned long long);
VALUE(BDRV_SECTOR_SIZE, 512);
VALUE(BDRV_O_RDWR, 0x2);
VALUE(BDRV_O_RESIZE, 0x4);
VALUE(BDRV_O_SNAPSHOT, 0x8);
VALUE(BDRV_O_TEMPORARY, 0x10);
VALUE(BDRV_O_NOCACHE, 0x20);
VALUE(BDRV_O_NATIVE_AIO, 0x80);
VALUE(BDRV_O_NO_BACKING, 0x100);
VALUE(BDRV_O_NO_FLUSH, 0x200);
VALUE(BDRV_O_COPY_ON_READ, 0x400);
VALUE(BDRV_O_INACTIVE, 0x800);
VALUE(BDRV_O_CHECK, 0x1000);
VALUE(BDRV_O_ALLOW_RDWR, 0x2000);
VALUE(BDRV_O_UNMAP, 0x4000);
VALUE(BDRV_O_PROTOCOL, 0x8000);
VALUE(BDRV_O_NO_IO, 0x10000);
VALUE(BDRV_O_AUTO_RDONLY, 0x20000);
VALUE(BDRV_O_IO_URING, 0x40000);
VALUE(BDRV_REQ_COPY_ON_READ, 0x1);
VALUE(BDRV_REQ_ZERO_WRITE, 0x2);
VALUE(BDRV_REQ_MAY_UNMAP, 0x4);
VALUE(BDRV_REQ_FUA, 0x10);
VALUE(BDRV_REQ_WRITE_COMPRESSED, 0x20);
VALUE(BDRV_REQ_WRITE_UNCHANGED, 0x40);
VALUE(BDRV_REQ_SERIALISING, 0x80);
VALUE(BDRV_REQ_NO_FALLBACK, 0x100);
VALUE(BDRV_REQ_PREFETCH, 0x200);
VALUE(BDRV_REQ_MASK, 0x3ff);
VALUE(BDRV_BLOCK_DATA, 0x1);
VALUE(BDRV_BLOCK_ZERO, 0x2);
VALUE(BDRV_BLOCK_OFFSET_VALID, 0x4);
VALUE(BDRV_BLOCK_RAW, 0x8);
VALUE(BDRV_BLOCK_ALLOCATED, 0x10);
VALUE(BDRV_BLOCK_EOF, 0x20);
VALUE(BDRV_BLOCK_RECURSE, 0x40);
VALUE(BLK_PERM_CONSISTENT_READ, 1);
VALUE(BLK_PERM_WRITE, 2);
VALUE(BLK_PERM_WRITE_UNCHANGED, 4);
VALUE(BLK_PERM_RESIZE, 8);
VALUE(BLK_PERM_GRAPH_MOD, 0x10);
VALUE(BLK_PERM_ALL, 0x1f);
VALUE(BLOCK_PROBE_BUF_SIZE, 512);
VALUE(BLKDBG_L2_LOAD < BLKDBG__MAX && BLKDBG_L2_UPDATE < BLKDBG__MAX &&
      BLKDBG_COW_READ < BLKDBG__MAX && BLKDBG_COW_WRITE < BLKDBG__MAX &&
      BLKDBG_READ_AIO < BLKDBG__MAX && BLKDBG_WRITE_AIO < BLKDBG__MAX &&
      BLKDBG_READ_BACKING_AIO < BLKDBG__MAX &&
      BLKDBG_READ_COMPRESSED < BLKDBG__MAX &&
      BLKDBG_WRITE_COMPRESSED < BLKDBG__MAX, true);
VALUE(sizeof(BLOCK_OPT_ADAPTER_TYPE), sizeof("adapter_type"));
VALUE(sizeof(BLOCK_OPT_COMPAT6), sizeof("compat6"));
VALUE(sizeof(BLOCK_OPT_HWVERSION), sizeof("hwversion"));

FIELD(BlockDriverInfo, cluster_size, int);
FIELD(BlockDriverInfo, vm_state_offset, int64_t);
FIELD(BlockDriverInfo, is_dirty, bool);
FIELD(BlockDriverInfo, unallocated_blocks_are_zero, bool);
FIELD(BlockDriverInfo, needs_compressed_writes, bool);
FIELD(BlockSizes, phys, uint32_t);
FIELD(BlockSizes, log, uint32_t);
FIELD(HDGeometry, cylinders, uint32_t);
FIELD(BdrvCheckResult, leaks_fixed, int);
FIELD(BdrvCheckResult, image_end_offset, int64_t);
FIELD(BdrvCheckResult, bfi, BlockFragInfo);
FIELD(BlockFragInfo, compressed_clusters, uint64_t);
VALUE(BDRV_FIX_LEAKS, 1);
VALUE(BDRV_FIX_ERRORS, 2);
FIELD(BDRVReopenState, bs, BlockDriverState *);
FIELD(BDRVReopenState, flags, int);
FIELD(BDRVReopenState, perm, uint64_t);
FIELD(BDRVReopenState, shared_perm, uint64_t);
FIELD(BDRVReopenState, options, QDict *);
FIELD(BDRVReopenState, explicit_options, QDict *);
FIELD(BDRVReopenState, opaque, void *);

/* ---- block/block.h, block/block_int.h: functions ------------------------ */

TYPE(bdrv_register, void (BlockDriver *));
TYPE(bdrv_open_child, BdrvChild *(const char *, QDict *, const char *,
                                  BlockDriverState *, const BdrvChildRole *,
                                  bool, Error **));
TYPE(bdrv_open_blockdev_ref, BlockDriverState *(BlockdevRef *, Error **));
TYPE(bdrv_open, BlockDriverState *(const char *, const char *, QDict *, int,
                                   Error **));
TYPE(bdrv_new_open_driver, BlockDriverState *(BlockDriver *, const char *,
                                              int, Error **));
TYPE(bdrv_unref_child, void (BlockDriverState *, BdrvChild *));
TYPE(bdrv_dirname, char *(BlockDriverState *, Error **));
TYPE(bdrv_get_full_backing_filename_from_filename,
     char *(const char *, const char *, Error **));
TYPE(path_has_protocol, bool (const char *));
TYPE(path_is_absolute, bool (const char *));
TYPE(path_combine, char *(const char *, const char *));
TYPE(bdrv_block_status_above, int (BlockDriverState *, BlockDriverState *,
                                   int64_t, int64_t, int64_t *, int64_t *,
                                   BlockDriverState **));
TYPE(bdrv_truncate, int (BdrvChild *, int64_t, bool, PreallocMode, Error **));
TYPE(bdrv_pwrite_zeroes, int (BdrvChild *, int64_t, int, BdrvRequestFlags));
TYPE(bdrv_co_flush, int (BlockDriverState *));
TYPE(bdrv_get_allocated_file_size, int64_t (BlockDriverState *));
TYPE(bdrv_nb_sectors, int64_t (BlockDriverState *));
TYPE(bdrv_opt_mem_align, size_t (BlockDriverState *));
TYPE(qemu_blockalign, void *(BlockDriverState *, size_t));
TYPE(bdrv_create_file, int (const char *, QemuOpts *, Error **));
TYPE(bdrv_pread, int (BdrvChild *, int64_t, void *, int));
TYPE(bdrv_pwrite, int (BdrvChild *, int64_t, const void *, int));
TYPE(bdrv_pwrite_sync, int (BdrvChild *, int64_t, const void *, int));
TYPE(bdrv_getlength, int64_t (BlockDriverState *));
TYPE(bdrv_has_zero_init, int (BlockDriverState *));
TYPE(bdrv_has_zero_init_truncate, int (BlockDriverState *));
TYPE(qemu_try_blockalign, void *(BlockDriverState *, size_t));
TYPE(bdrv_get_device_or_node_name, const char *(const BlockDriverState *));
TYPE(bdrv_get_aio_context, AioContext *(BlockDriverState *));
TYPE(bdrv_unref, void (BlockDriverState *));
TYPE(bdrv_flush, int (BlockDriverState *));
TYPE(bdrv_apply_auto_read_only, int (BlockDriverState *, const char *,
                                     Error **));
TYPE(bdrv_debug_event, void (BlockDriverState *, BlkdebugEvent));
TYPE(bdrv_co_pwrite_zeroes, int (BdrvChild *, int64_t, int,
                                 BdrvRequestFlags));
TYPE(bdrv_co_pdiscard, int (BdrvChild *, int64_t, int64_t));
TYPE(bdrv_co_truncate, int (BdrvChild *, int64_t, bool, PreallocMode,
                            Error **));
TYPE(bdrv_co_ioctl, int (BlockDriverState *, int, void *));
TYPE(bdrv_get_info, int (BlockDriverState *, BlockDriverInfo *));
TYPE(bdrv_is_read_only, bool (BlockDriverState *));
TYPE(bdrv_refresh_filename, void (BlockDriverState *));
TYPE(bdrv_eject, void (BlockDriverState *, bool));
TYPE(bdrv_lock_medium, void (BlockDriverState *, bool));
TYPE(bdrv_probe_blocksizes, int (BlockDriverState *, BlockSizes *));
TYPE(bdrv_probe_geometry, int (BlockDriverState *, HDGeometry *));
TYPE(bdrv_probe_all, BlockDriver *(const uint8_t *, int, const char *));
typedef void ChildPerm(BlockDriverState *, BdrvChild *, const BdrvChildRole *,
                       BlockReopenQueue *, uint64_t, uint64_t, uint64_t *,
                       uint64_t *);
TYPE(bdrv_filter_default_perms, ChildPerm);
TYPE(bdrv_format_default_perms, ChildPerm);
typedef int ChildRequest(BdrvChild *, int64_t, unsigned int, QEMUIOVector *,
                         BdrvRequestFlags);
TYPE(bdrv_co_preadv, ChildRequest);
TYPE(bdrv_co_pwritev, ChildRequest);
typedef int CopyRange(BdrvChild *, uint64_t, BdrvChild *, uint64_t, uint64_t,
                      BdrvRequestFlags, BdrvRequestFlags);
TYPE(bdrv_co_copy_range_from, CopyRange);
TYPE(bdrv_co_copy_range_to, CopyRange);
TYPE(child_file, const BdrvChildRole);
TYPE(child_format, const BdrvChildRole);
TYPE(child_backing, const BdrvChildRole);

TYPE(bdrv_co_block_status_from_file, int (BlockDriverState *, bool, int64_t,
                                          int64_t, int64_t *, int64_t *,
                                          BlockDriverState **));
TYPE(bdrv_has_zero_init_1, int (BlockDriverState *));

TYPE(blk_new_open, BlockBackend *(const char *, const char *, QDict *, int,
                                  Error **));
TYPE(blk_pwrite_zeroes, int (BlockBackend *, int64_t, int, BdrvRequestFlags));
TYPE(blk_new, BlockBackend *(AioContext *, uint64_t, uint64_t));
TYPE(blk_unref, void (BlockBackend *));
TYPE(blk_insert_bs, int (BlockBackend *, BlockDriverState *, Error **));
TYPE(blk_set_allow_write_beyond_eof, void (BlockBackend *, bool));
TYPE(blk_pwrite, int (BlockBackend *, int64_t, const void *, int,
                      BdrvRequestFlags));
TYPE(blk_truncate, int (BlockBackend *, int64_t, bool, PreallocMode, Error **));

/* ---- block/block_int.h: structures -------------------------------------- */

FIELD(BdrvChild, bs, BlockDriverState *);
FIELD(BdrvChild, name, char *);
FIELD(BdrvChild, role, const BdrvChildRole *);
FIELD(BdrvChild, opaque, void *);
FIELD(BdrvChild, perm, uint64_t);
FIELD(BdrvChild, shared_perm, uint64_t);
FIELD(BlockDriverState, opaque, void *);
FIELD(BlockDriverState, file, BdrvChild *);
FIELD(BlockDriverState, backing, BdrvChild *);
FIELD(BlockDriverState, node_name, char[32]);
FIELD(BlockDriverState, total_sectors, int64_t);
FIELD(BlockDriverState, drv, BlockDriver *);
FIELD(BlockDriverState, bl, BlockLimits);
FIELD(BlockDriverState, sg, bool);
FIELD(BlockDriverState, probed, bool);
FIELD(BlockDriverState, filename, char[4096]);
FIELD(BlockDriverState, exact_filename, char[4096]);
FIELD(BlockDriverState, backing_file, char[4096]);
FIELD(BlockDriverState, auto_backing_file, char[4096]);
FIELD(BlockDriverState, backing_format, char[16]);
FIELD(BlockDriverState, full_open_options, QDict *);
FIELD(BlockDriverState, supported_write_flags, unsigned int);
FIELD(BlockDriverState, supported_zero_flags, unsigned int);
FIELD(BlockLimits, request_alignment, uint32_t);
FIELD(BlockLimits, max_pdiscard, int32_t);
FIELD(BlockLimits, pdiscard_alignment, uint32_t);
FIELD(BlockLimits, max_pwrite_zeroes, int32_t);
FIELD(BlockLimits, pwrite_zeroes_alignment, uint32_t);
FIELD(BlockLimits, opt_transfer, uint32_t);
FIELD(BlockLimits, max_transfer, uint32_t);
FIELD(BlockLimits, min_mem_alignment, size_t);
FIELD(BlockLimits, opt_mem_alignment, size_t);
FIELD(BlockLimits, max_iov, int);

#define CALLBACK(field, ...) FIELD(BlockDriver, field, __VA_ARGS__)
typedef int Rw(BlockDriverState *, uint64_t, uint64_t, QEMUIOVector *, int);
typedef BlockAIOCB *AioRw(BlockDriverState *, uint64_t, uint64_t,
                          QEMUIOVector *, int, BlockCompletionFunc *, void *);
typedef int DriverCopy(BlockDriverState *, BdrvChild *, uint64_t, BdrvChild *,
                       uint64_t, uint64_t, BdrvRequestFlags, BdrvRequestFlags);
typedef int Open(BlockDriverState *, QDict *, int, Error **);
typedef int NodeInt(BlockDriverState *);
typedef void NodeVoid(BlockDriverState *);

CALLBACK(format_name, const char *);
CALLBACK(instance_size, int);
CALLBACK(protocol_name, const char *);
CALLBACK(mutable_opts, const char *const *);
CALLBACK(strong_runtime_opts, const char *const *);
CALLBACK(create_opts, QemuOptsList *);
CALLBACK(has_variable_length, bool);
CALLBACK(is_filter, bool);
CALLBACK(supports_backing, bool);
CALLBACK(bdrv_needs_filename, bool);
CALLBACK(bdrv_probe, int (*)(const uint8_t *, int, const char *));
CALLBACK(bdrv_open, Open *);
CALLBACK(bdrv_file_open, Open *);
CALLBACK(bdrv_close, NodeVoid *);
CALLBACK(bdrv_parse_filename, void (*)(const char *, QDict *, Error **));
CALLBACK(bdrv_reopen_prepare, int (*)(BDRVReopenState *, BlockReopenQueue *,
                                      Error **));
CALLBACK(bdrv_reopen_commit, void (*)(BDRVReopenState *));
CALLBACK(bdrv_reopen_abort, void (*)(BDRVReopenState *));
CALLBACK(bdrv_child_perm, ChildPerm *);
CALLBACK(bdrv_co_create, int (*)(BlockdevCreateOptions *, Error **));
CALLBACK(bdrv_co_create_opts, int (*)(BlockDriver *, const char *, QemuOpts *,
                                      Error **));
CALLBACK(bdrv_co_preadv, Rw *);
CALLBACK(bdrv_co_pwritev, Rw *);
CALLBACK(bdrv_co_readv, int (*)(BlockDriverState *, int64_t, int,
                                QEMUIOVector *));
CALLBACK(bdrv_co_writev, int (*)(BlockDriverState *, int64_t, int,
                                 QEMUIOVector *, int));
CALLBACK(bdrv_co_pwritev_compressed, int (*)(BlockDriverState *, uint64_t,
                                             uint64_t, QEMUIOVector *));
CALLBACK(bdrv_gather_child_options, void (*)(BlockDriverState *, QDict *,
                                             bool));
CALLBACK(bdrv_dirname, char *(*)(BlockDriverState *, Error **));
CALLBACK(bdrv_get_allocated_file_size, int64_t (*)(BlockDriverState *));
CALLBACK(bdrv_get_specific_info, ImageInfoSpecific *(*)(BlockDriverState *,
                                                        Error **));
CALLBACK(bdrv_aio_preadv, AioRw *);
CALLBACK(bdrv_aio_pwritev, AioRw *);
CALLBACK(bdrv_aio_flush, BlockAIOCB *(*)(BlockDriverState *,
                                         BlockCompletionFunc *, void *));
CALLBACK(bdrv_co_block_status, int (*)(BlockDriverState *, bool, int64_t,
                                       int64_t, int64_t *, int64_t *,
                                       BlockDriverState **));
CALLBACK(bdrv_co_flush, NodeInt *);
CALLBACK(bdrv_co_flush_to_os, NodeInt *);
CALLBACK(bdrv_co_flush_to_disk, NodeInt *);
CALLBACK(bdrv_co_pwrite_zeroes, int (*)(BlockDriverState *, int64_t, int,
                                        BdrvRequestFlags));
CALLBACK(bdrv_co_pdiscard, int (*)(BlockDriverState *, int64_t, int));
CALLBACK(bdrv_co_copy_range_from, DriverCopy *);
CALLBACK(bdrv_co_copy_range_to, DriverCopy *);
CALLBACK(bdrv_co_truncate, int (*)(BlockDriverState *, int64_t, bool,
                                   PreallocMode, Error **));
CALLBACK(bdrv_co_ioctl, int (*)(BlockDriverState *, unsigned long, void *));
CALLBACK(bdrv_co_check, int (*)(BlockDriverState *, BdrvCheckResult *,
                                BdrvCheckMode));
CALLBACK(bdrv_getlength, int64_t (*)(BlockDriverState *));
CALLBACK(bdrv_get_info, int (*)(BlockDriverState *, BlockDriverInfo *));
CALLBACK(bdrv_has_zero_init, NodeInt *);
CALLBACK(bdrv_has_zero_init_truncate, NodeInt *);
CALLBACK(bdrv_make_empty, NodeInt *);
CALLBACK(bdrv_refresh_filename, NodeVoid *);
CALLBACK(bdrv_refresh_limits, void (*)(BlockDriverState *, Error **));
CALLBACK(bdrv_measure, BlockMeasureInfo *(*)(QemuOpts *, BlockDriverState *,
                                             Error **));
CALLBACK(bdrv_eject, void (*)(BlockDriverState *, bool));
CALLBACK(bdrv_lock_medium, void (*)(BlockDriverState *, bool));
CALLBACK(bdrv_probe_blocksizes, int (*)(BlockDriverState *, BlockSizes *));
CALLBACK(bdrv_probe_geometry, int (*)(BlockDriverState *, HDGeometry *));
CALLBACK(bdrv_debug_event, void (*)(BlockDriverState *, BlkdebugEvent));
CALLBACK(bdrv_debug_breakpoint, int (*)(BlockDriverState *, const char *,
                                        const char *));
CALLBACK(bdrv_debug_remove_breakpoint, int (*)(BlockDriverState *,
                                               const char *));
CALLBACK(bdrv_debug_resume, int (*)(BlockDriverState *, const char *));
CALLBACK(bdrv_debug_is_suspended, bool (*)(BlockDriverState *, const char *));

#ifndef MINBLK_BLOCK_DRIVER_EXT
#error "drivers cannot tell whether minblk's own fields are there"
#endif

/* ---- what is used at run time ------------------------------------------- */

/* A tentative definition, as drivers have it before the functions. */
static QemuOptsList create_opts;

static QemuOpts *new_create_opts(void)
{
    return qemu_opts_create(&create_opts, NULL, 0, &error_abort);
}

static QemuOptsList create_opts = {
    .name = "interface-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(create_opts.head),
    .desc = {
        { .name = BLOCK_OPT_SIZE, .type = QEMU_OPT_SIZE },
        { .name = BLOCK_OPT_SUBFMT, .type = QEMU_OPT_STRING },
        { .name = "force_size", .type = QEMU_OPT_BOOL,
          .def_value_str = "on" },
        { /* end of list */ }
    },
};

/* From the options of a creation to the schema's, as a driver does it. */
static void test_create_options(void)
{
    static const QDictRenames renames[] = {
        { "force_size", "force-size" },
        { NULL, NULL },
    };
    QemuOpts *opts = new_create_opts();
    BlockdevCreateOptions *options = NULL;
    QDict *qdict;
    Visitor *v;

    qemu_opt_set(opts, "size", "1M", &error_abort);
    qemu_opt_set(opts, "subformat", "fixed", &error_abort);
    qemu_opt_set(opts, "force_size", "off", &error_abort);
    qdict = qemu_opts_to_qdict_filtered(opts, NULL, &create_opts, true);
    g_assert_null(qemu_opt_find(opts, "size"));
    qemu_opts_del(opts);

    g_assert_true(qdict_rename_keys(qdict, renames, &error_abort));
    qdict_put_str(qdict, "driver", "vpc");
    qdict_put_str(qdict, "file", "#block7");
    v = qobject_input_visitor_new_flat_confused(qdict, &error_abort);
    visit_type_BlockdevCreateOptions(v, NULL, &options, &error_abort);
    visit_free(v);
    qobject_unref(qdict);

    g_assert_cmpint(options->driver, ==, BLOCKDEV_DRIVER_VPC);
    g_assert_cmpint(options->u.vpc.file->type, ==, QTYPE_QSTRING);
    g_assert_cmpstr(options->u.vpc.file->u.reference, ==, "#block7");
    g_assert_cmpuint(options->u.vpc.size, ==, MiB);
    g_assert_cmpint(options->u.vpc.subformat, ==,
                    BLOCKDEV_VPC_SUBFORMAT_FIXED);
    g_assert_true(options->u.vpc.has_force_size);
    g_assert_false(options->u.vpc.force_size);
    qapi_free_BlockdevCreateOptions(options);
}

/* Drivers' paths of failure free what may not be there. */
static void test_null(void)
{
    bdrv_unref(NULL);
    blk_unref(NULL);
    qobject_unref((QDict *)NULL);
    visit_free(NULL);
    error_free(NULL);
    qemu_vfree(NULL);
    qemu_opts_del(NULL);
    qapi_free_BlockdevCreateOptions(NULL);
    g_assert_null(qemu_opt_get(NULL, "size"));
    g_assert_cmpuint(qemu_opt_get_size(NULL, "size", 7), ==, 7);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/interface/create-options", test_create_options);
    g_test_add_func("/interface/null", test_null);
    return g_test_run();
}
