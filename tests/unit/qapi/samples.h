/* SPDX-License-Identifier: MIT */
/*
 * JSON samples of every type of the block layer's schema.
 *
 * Invariants: each sample is accepted, and comes out of the output visitor
 * just as it stands here; each type has one with all its members.
 */
#ifndef TESTS_QAPI_SAMPLES_H
#define TESTS_QAPI_SAMPLES_H

#include "qapi/qapi-visit-block-core.h"

typedef struct Sample {
    const char *type;
    const char *json;
    void (*visit)(Visitor *v, void **obj, Error **errp);
    void (*free)(void *obj);
} Sample;

/* The functions of a type under one signature. */
#define OBJECT(T)                                                       \
    static void sample_visit_##T(Visitor *v, void **obj, Error **errp)  \
    {                                                                   \
        T *typed = *obj;                                                \
                                                                        \
        visit_type_##T(v, NULL, &typed, errp);                          \
        *obj = typed;                                                   \
    }                                                                   \
                                                                        \
    static void sample_free_##T(void *obj)                              \
    {                                                                   \
        qapi_free_##T(obj);                                             \
    }

OBJECT(BlkdebugInjectErrorOptions)
OBJECT(BlkdebugSetStateOptions)
OBJECT(BlockMeasureInfo)
OBJECT(BlockdevCacheOptions)
OBJECT(BlockdevCreateOptions)
OBJECT(BlockdevCreateOptionsFile)
OBJECT(BlockdevCreateOptionsParallels)
OBJECT(BlockdevCreateOptionsVdi)
OBJECT(BlockdevCreateOptionsVhdx)
OBJECT(BlockdevCreateOptionsVmdk)
OBJECT(BlockdevCreateOptionsVpc)
OBJECT(BlockdevOptions)
OBJECT(BlockdevOptionsBlkdebug)
OBJECT(BlockdevOptionsBlkverify)
OBJECT(BlockdevOptionsDelay)
OBJECT(BlockdevOptionsFile)
OBJECT(BlockdevOptionsGenericCOWFormat)
OBJECT(BlockdevOptionsGenericFormat)
OBJECT(BlockdevOptionsMem)
OBJECT(BlockdevOptionsNull)
OBJECT(BlockdevOptionsRaw)
OBJECT(BlockdevOptionsVpc)
OBJECT(BlockdevRef)
OBJECT(BlockdevRefOrNull)
OBJECT(ImageCheck)
OBJECT(ImageCheckFinding)
OBJECT(ImageCheckRefusal)
OBJECT(ImageInfo)
OBJECT(ImageInfoSpecific)
OBJECT(ImageInfoSpecificVmdk)
OBJECT(ImageInfoSpecificVmdkWrapper)
OBJECT(ImageInfoSpecificVpc)
OBJECT(ImageInfoSpecificVpcWrapper)
OBJECT(ImageInfoVpcWarning)
OBJECT(MapEntry)

#define SAMPLE(T, text) { #T, text, sample_visit_##T, sample_free_##T }

static const Sample samples[] = {
    SAMPLE(BlkdebugInjectErrorOptions,
           "{\"event\": \"pwritev\"}"),
    SAMPLE(BlkdebugInjectErrorOptions,
           "{\"event\": \"read_aio\", \"state\": 2, \"iotype\": "
           "\"write-zeroes\", \"errno\": 28, \"sector\": -1, \"once\": true, "
           "\"immediately\": false}"),
    SAMPLE(BlkdebugSetStateOptions,
           "{\"event\": \"none\", \"state\": 1, \"new_state\": 2}"),
    SAMPLE(BlockMeasureInfo,
           "{\"required\": 0, \"fully-allocated\": 9223372036854775807}"),
    SAMPLE(BlockdevCacheOptions, "{}"),
    SAMPLE(BlockdevCacheOptions, "{\"direct\": true, \"no-flush\": false}"),
    SAMPLE(BlockdevCreateOptions, "{\"driver\": \"raw\"}"),
    SAMPLE(BlockdevCreateOptions,
           "{\"driver\": \"file\", \"filename\": \"a\", \"size\": 512, "
           "\"preallocation\": \"falloc\", \"extent-size-hint\": 1048576}"),
    SAMPLE(BlockdevCreateOptions,
           "{\"driver\": \"vpc\", \"file\": \"node\", \"size\": 1048576}"),
    SAMPLE(BlockdevCreateOptions,
           "{\"driver\": \"vdi\", \"file\": {\"driver\": \"file\", "
           "\"filename\": \"a\"}, \"size\": 0}"),
    SAMPLE(BlockdevCreateOptionsFile,
           "{\"filename\": \"a\", \"size\": 0, \"preallocation\": \"full\", "
           "\"extent-size-hint\": 0}"),
    SAMPLE(BlockdevCreateOptions,
           "{\"driver\": \"vhdx\", \"file\": \"n\", \"size\": 0}"),
    SAMPLE(BlockdevCreateOptions,
           "{\"driver\": \"parallels\", \"file\": \"n\", \"size\": 0}"),
    SAMPLE(BlockdevCreateOptions,
           "{\"driver\": \"vmdk\", \"file\": \"n\", \"size\": 0}"),
    SAMPLE(BlockdevCreateOptionsParallels,
           "{\"file\": \"n\", \"size\": 3, \"cluster-size\": 1048576}"),
    SAMPLE(BlockdevCreateOptionsVhdx,
           "{\"file\": \"n\", \"size\": 3, \"log-size\": 1048576, "
           "\"block-size\": 4, \"subformat\": \"fixed\", "
           "\"block-state-zero\": false}"),
    SAMPLE(BlockdevCreateOptionsVmdk,
           "{\"file\": \"n\", \"size\": 3, \"extents\": [\"e\", "
           "{\"driver\": \"null-co\"}], \"subformat\": "
           "\"twoGbMaxExtentSparse\", \"backing-file\": \"b\", "
           "\"adapter-type\": \"legacyESX\", \"hwversion\": \"6\", "
           "\"zeroed-grain\": true}"),
    SAMPLE(BlockdevCreateOptionsVdi,
           "{\"file\": \"n\", \"size\": 3, \"preallocation\": \"metadata\"}"),
    SAMPLE(BlockdevCreateOptionsVpc,
           "{\"file\": \"n\", \"size\": 3, \"subformat\": \"fixed\", "
           "\"force-size\": true, \"block-size\": 4096, \"preallocation\": "
           "\"metadata\", \"creator\": \"win \", \"creator-os\": \"Wi2k\", "
           "\"creator-version\": \"6.3\", \"uuid\": \"u\", \"geometry\": "
           "\"1/2/3\", \"timestamp\": 946684800, \"target\": \"xenserver\"}"),
    SAMPLE(BlockdevOptions, "{\"driver\": \"null-co\"}"),
    SAMPLE(BlockdevOptions,
           "{\"driver\": \"raw\", \"node-name\": \"top\", \"discard\": "
           "\"unmap\", \"cache\": {\"direct\": true}, \"read-only\": false, "
           "\"auto-read-only\": true, \"force-share\": false, \"file\": "
           "{\"driver\": \"file\", \"filename\": \"a\", \"locking\": \"off\", "
           "\"aio\": \"io_uring\"}, \"offset\": 512, \"size\": 1024}"),
    SAMPLE(BlockdevOptions,
           "{\"driver\": \"vpc\", \"file\": {\"driver\": \"vpc\", \"file\": "
           "{\"driver\": \"null-aio\", \"size\": 7, \"latency-ns\": 1, "
           "\"read-zeroes\": true}}, \"backing\": null, "
           "\"force_size_calc\": \"current_size\"}"),
    SAMPLE(BlockdevOptions, "{\"driver\": \"vdi\", \"file\": \"n\"}"),
    SAMPLE(BlockdevOptions, "{\"driver\": \"bochs\", \"file\": \"n\"}"),
    SAMPLE(BlockdevOptions, "{\"driver\": \"cloop\", \"file\": \"n\"}"),
    SAMPLE(BlockdevOptions, "{\"driver\": \"blkdebug\", \"image\": \"n\"}"),
    SAMPLE(BlockdevOptions,
           "{\"driver\": \"blkverify\", \"test\": \"n\", \"raw\": \"m\"}"),
    SAMPLE(BlockdevOptions, "{\"driver\": \"dmg\", \"file\": \"n\"}"),
    SAMPLE(BlockdevOptions, "{\"driver\": \"parallels\", \"file\": \"n\"}"),
    SAMPLE(BlockdevOptions, "{\"driver\": \"vhdx\", \"file\": \"n\"}"),
    SAMPLE(BlockdevOptions,
           "{\"driver\": \"vmdk\", \"file\": \"n\", \"backing\": \"b\"}"),
    SAMPLE(BlockdevOptions,
           "{\"driver\": \"copy-on-read\", \"file\": \"n\"}"),
    SAMPLE(BlockdevOptionsBlkdebug,
           "{\"image\": \"n\", \"config\": \"c\", \"align\": 512, "
           "\"max-transfer\": 1, \"opt-write-zero\": 2, \"max-write-zero\": "
           "3, \"opt-discard\": 4, \"max-discard\": 5, \"inject-error\": "
           "[{\"event\": \"pwritev\"}, {\"event\": \"cor_write\", \"errno\": "
           "5}], \"set-state\": [{\"event\": \"none\", \"new_state\": 3}]}"),
    SAMPLE(BlockdevOptionsBlkdebug,
           "{\"image\": \"n\", \"inject-error\": [], \"set-state\": []}"),
    SAMPLE(BlockdevOptionsBlkverify,
           "{\"test\": {\"driver\": \"null-co\"}, \"raw\": \"m\"}"),
    SAMPLE(BlockdevOptionsFile,
           "{\"filename\": \"\", \"locking\": \"auto\", \"aio\": "
           "\"native\"}"),
    SAMPLE(BlockdevOptionsGenericCOWFormat,
           "{\"file\": \"n\", \"backing\": null}"),
    SAMPLE(BlockdevOptionsGenericFormat, "{\"file\": \"n\"}"),
    SAMPLE(BlockdevOptionsDelay,
           "{\"file\": \"n\", \"seed\": 9223372036854775807, "
           "\"max-ns\": 0}"),
    SAMPLE(BlockdevOptionsMem,
           "{\"disk\": \"d\", \"size\": 0, \"stale\": true}"),
    SAMPLE(BlockdevOptionsNull,
           "{\"size\": 9223372036854775807, \"latency-ns\": 0, "
           "\"read-zeroes\": true}"),
    SAMPLE(BlockdevOptionsRaw,
           "{\"file\": \"n\", \"offset\": 0, \"size\": 0}"),
    SAMPLE(BlockdevOptionsVpc,
           "{\"file\": \"n\", \"backing\": \"b\", \"force_size_calc\": "
           "\"chs\", \"saved_state\": \"ignore\"}"),
    SAMPLE(BlockdevRef, "\"name\""),
    SAMPLE(BlockdevRef, "{\"driver\": \"null-co\"}"),
    SAMPLE(BlockdevRefOrNull, "\"name\""),
    SAMPLE(BlockdevRefOrNull, "{\"driver\": \"null-co\", \"size\": 1}"),
    SAMPLE(BlockdevRefOrNull, "null"),
    SAMPLE(ImageCheck,
           "{\"check-errors\": 0, \"filename\": \"a\", \"format\": "
           "\"vdi\"}"),
    SAMPLE(ImageCheck,
           "{\"image-end-offset\": 1, \"compressed-clusters\": 2, "
           "\"total-clusters\": 3, \"corruptions\": 4, "
           "\"corruptions-fixed\": 5, \"check-errors\": 6, \"leaks\": 7, "
           "\"leaks-fixed\": 8, \"allocated-clusters\": 9, \"filename\": "
           "\"a\", \"format\": \"vdi\", \"fragmented-clusters\": 10, "
           "\"findings\": [{\"grade\": \"leak\", \"fault\": "
           "\"lost-space\", \"fixed\": true, \"offset\": 1}], "
           "\"refusals\": [{\"problem\": \"p\"}]}"),
    SAMPLE(ImageCheckFinding,
           "{\"grade\": \"warning\", \"fault\": \"field\", \"fixed\": false, "
           "\"planned\": true, \"offset\": 0, \"length\": 1, "
           "\"data-bytes\": 2, \"block\": 3, \"count\": 4, "
           "\"last-block\": 5, \"entry\": 6, \"last-entry\": 7, "
           "\"guest-offset\": 8, \"guest-length\": 9, "
           "\"other-guest-offset\": 10, \"other-guest-length\": 11, "
           "\"field\": \"f\", \"value\": \"v\", \"expected\": \"e\"}"),
    SAMPLE(ImageCheckRefusal,
           "{\"problem\": \"p\", \"command\": \"c\"}"),
    SAMPLE(ImageInfo,
           "{\"virtual-size\": 0, \"filename\": \"\", \"format\": \"raw\"}"),
    SAMPLE(ImageInfo,
           "{\"backing-filename-format\": \"vpc\", \"compressed\": true, "
           "\"virtual-size\": 1, "
           "\"filename\": \"a\", \"cluster-size\": 2, \"format\": \"vpc\", "
           "\"actual-size\": 3, \"full-backing-filename\": \"b\", "
           "\"backing-filename\": \"c\", \"dirty-flag\": false, "
           "\"format-specific\": {\"type\": \"vpc\", \"data\": "
           "{\"subformat\": \"dynamic\"}}}"),
    SAMPLE(ImageInfoSpecific,
           "{\"type\": \"vpc\", \"data\": {\"subformat\": \"fixed\"}}"),
    SAMPLE(ImageInfoSpecific,
           "{\"type\": \"vmdk\", \"data\": {\"create-type\": \"t\", "
           "\"cid\": 1, \"parent-cid\": 2, \"extents\": []}}"),
    SAMPLE(ImageInfoSpecificVmdk,
           "{\"create-type\": \"t\", \"cid\": 4294967295, \"parent-cid\": 0, "
           "\"extents\": [{\"virtual-size\": 0, \"filename\": \"\", "
           "\"format\": \"\"}]}"),
    SAMPLE(ImageInfoSpecificVmdkWrapper,
           "{\"data\": {\"create-type\": \"\", \"cid\": 0, "
           "\"parent-cid\": 0, \"extents\": []}}"),
    SAMPLE(ImageInfoSpecificVpc,
           "{\"subformat\": \"dynamic\", \"creator-application\": \"win \", "
           "\"current-size\": 1, \"chs-size\": 2, \"block-size\": 3, "
           "\"unique-id\": \"u\", \"creator-version\": \"10.0\", "
           "\"creator-os\": \"Wi2k\", \"timestamp\": 946684800, \"features\": "
           "2, \"format-version\": \"1.0\", \"saved-state\": false, "
           "\"original-size\": 4, \"cylinders\": 5, \"heads\": 6, "
           "\"sectors-per-track\": 7, \"checksum\": 4294967295, "
           "\"size-rule\": \"chs\", \"header-offset\": 512, "
           "\"header-version\": \"1.0\", \"header-checksum\": 8, "
           "\"table-offset\": 1536, \"table-entries\": 9, "
           "\"parent-unique-id\": \"p\", \"parent-timestamp\": 10, "
           "\"batmap-offset\": 11, \"total-blocks\": 12, "
           "\"allocated-blocks\": 13, \"fragmented-blocks\": 14, "
           "\"data-aligned\": true, \"footer-offset\": 15, "
           "\"unused-space\": 16, \"warnings\": [{\"message\": \"w\"}]}"),
    SAMPLE(ImageInfoVpcWarning, "{\"message\": \"w\"}"),
    SAMPLE(ImageInfoSpecificVpcWrapper,
           "{\"data\": {\"subformat\": \"fixed\"}}"),
    SAMPLE(MapEntry,
           "{\"start\": 0, \"length\": 1, \"depth\": 2, \"present\": true, "
           "\"zero\": false, \"data\": true}"),
    SAMPLE(MapEntry,
           "{\"start\": 0, \"length\": 1, \"depth\": 2, \"present\": true, "
           "\"zero\": false, \"data\": true, \"offset\": 3, \"filename\": "
           "\"f\"}"),
};

/* The tables of names. */
#define ENUM(T) { #T, &T##_lookup }

static const struct {
    const char *type;
    const QEnumLookup *lookup;
} enum_tables[] = {
    ENUM(BlkdebugEvent),
    ENUM(BlkdebugIOType),
    ENUM(BlockdevAioOptions),
    ENUM(BlockdevDiscardOptions),
    ENUM(BlockdevDriver),
    ENUM(BlockdevVhdxSubformat),
    ENUM(BlockdevVmdkAdapterType),
    ENUM(BlockdevVmdkSubformat),
    ENUM(BlockdevVpcForceSizeCalc),
    ENUM(BlockdevVpcSavedState),
    ENUM(BlockdevVpcSubformat),
    ENUM(BlockdevVpcTarget),
    ENUM(ImageCheckFault),
    ENUM(ImageCheckGrade),
    ENUM(ImageInfoSpecificKind),
    ENUM(OnOffAuto),
    ENUM(PreallocMode),
};

#endif
