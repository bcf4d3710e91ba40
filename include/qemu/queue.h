/* SPDX-License-Identifier: MIT */
/*
 * Lists whose links are members of their elements; nothing is allocated.
 *
 *             remove any   insert at tail   previous, last   size of a link
 *   QLIST     yes          no               no               2 pointers
 *   QSIMPLEQ  by search    yes              no               1 pointer
 *   QTAILQ    yes          yes              yes              2 pointers
 *
 * An element is on at most one list per link.  Every macro but those whose
 * comment says otherwise takes constant time.  The _SAFE loops allow that the
 * current element is removed and freed; the others do not.  Arguments without
 * side effects only: they may be evaluated more than once.
 */
#ifndef QEMU_QUEUE_H
#define QEMU_QUEUE_H

#include <stddef.h>

/*
 * QLIST: doubly linked.  A link points back at whatever points at its element,
 * so an element can be removed without its head.
 */
#define QLIST_HEAD(name, type) struct name { struct type *lh_first; }
#define QLIST_HEAD_INITIALIZER(head) { NULL }
#define QLIST_ENTRY(type) struct {                                        \
    struct type *le_next;                                                 \
    struct type **le_prev;                                                \
}

#define QLIST_FIRST(head) ((head)->lh_first)
#define QLIST_NEXT(elm, field) ((elm)->field.le_next)
#define QLIST_EMPTY(head) ((head)->lh_first == NULL)
/* True between an insertion and the next removal, if it was zeroed before. */
#define QLIST_IS_INSERTED(elm, field) ((elm)->field.le_prev != NULL)

#define QLIST_INIT(head) do {                                             \
    (head)->lh_first = NULL;                                              \
} while (0)

/* Link @elm in at @where, the pointer that is to point at it. */
#define QLIST_LINK_(where, elm, field) do {                               \
    __typeof__((elm)->field.le_prev) ql_at_ = (where);                    \
    (elm)->field.le_prev = ql_at_;                                        \
    (elm)->field.le_next = *ql_at_;                                       \
    if ((elm)->field.le_next) {                                           \
        (elm)->field.le_next->field.le_prev = &(elm)->field.le_next;      \
    }                                                                     \
    *ql_at_ = (elm);                                                      \
} while (0)

#define QLIST_INSERT_HEAD(head, elm, field) \
    QLIST_LINK_(&(head)->lh_first, elm, field)
#define QLIST_INSERT_AFTER(after, elm, field) \
    QLIST_LINK_(&(after)->field.le_next, elm, field)
#define QLIST_INSERT_BEFORE(before, elm, field) \
    QLIST_LINK_((before)->field.le_prev, elm, field)

/* The link becomes NULL, which QLIST_IS_INSERTED() looks at. */
#define QLIST_REMOVE(elm, field) do {                                     \
    __typeof__(elm) qlist_removed_ = (elm);                               \
    if (qlist_removed_->field.le_next) {                                  \
        qlist_removed_->field.le_next->field.le_prev =                    \
            qlist_removed_->field.le_prev;                                \
    }                                                                     \
    *qlist_removed_->field.le_prev = qlist_removed_->field.le_next;       \
    qlist_removed_->field.le_next = NULL;                                 \
    qlist_removed_->field.le_prev = NULL;                                 \
} while (0)

/* The same, but an element that is on no list is left alone. */
#define QLIST_SAFE_REMOVE(elm, field) do {                                \
    __typeof__(elm) qlist_maybe_ = (elm);                                 \
    if (QLIST_IS_INSERTED(qlist_maybe_, field)) {                         \
        QLIST_REMOVE(qlist_maybe_, field);                                \
    }                                                                     \
} while (0)

/* Move all elements to @dst, which is overwritten. */
#define QLIST_MOVE(dst, src, field) do {                                  \
    (dst)->lh_first = (src)->lh_first;                                    \
    if ((dst)->lh_first) {                                                \
        (dst)->lh_first->field.le_prev = &(dst)->lh_first;                \
    }                                                                     \
    (src)->lh_first = NULL;                                               \
} while (0)

#define QLIST_FOREACH(var, head, field)                                   \
    for ((var) = (head)->lh_first; (var); (var) = (var)->field.le_next)

#define QLIST_FOREACH_SAFE(var, head, field, next_var)                    \
    for ((var) = (head)->lh_first;                                        \
         (var) && ((next_var) = (var)->field.le_next, 1);                 \
         (var) = (next_var))

/*
 * QSIMPLEQ: singly linked, with a head that knows where the next element at
 * the tail is to be linked in.
 */
#define QSIMPLEQ_HEAD(name, type) struct name {                           \
    struct type *sqh_first;                                               \
    struct type **sqh_last;                                               \
}
#define QSIMPLEQ_HEAD_INITIALIZER(head) { NULL, &(head).sqh_first }
#define QSIMPLEQ_ENTRY(type) struct { struct type *sqe_next; }

#define QSIMPLEQ_FIRST(head) ((head)->sqh_first)
#define QSIMPLEQ_NEXT(elm, field) ((elm)->field.sqe_next)
#define QSIMPLEQ_EMPTY(head) ((head)->sqh_first == NULL)

#define QSIMPLEQ_INIT(head) do {                                          \
    (head)->sqh_first = NULL;                                             \
    (head)->sqh_last = &(head)->sqh_first;                                \
} while (0)

/* Link @elm in at @where, the pointer that is to point at it. */
#define QSIMPLEQ_LINK_(head, where, elm, field) do {                      \
    __typeof__((head)->sqh_last) qq_at_ = (where);                        \
    (elm)->field.sqe_next = *qq_at_;                                      \
    *qq_at_ = (elm);                                                      \
    if (!(elm)->field.sqe_next) {                                         \
        (head)->sqh_last = &(elm)->field.sqe_next;                        \
    }                                                                     \
} while (0)

/* Take the element out that @where points at. */
#define QSIMPLEQ_UNLINK_(head, where, field) do {                         \
    __typeof__((head)->sqh_last) qq_at_ = (where);                        \
    __typeof__((head)->sqh_first) qq_gone_ = *qq_at_;                     \
    *qq_at_ = qq_gone_->field.sqe_next;                                   \
    if (!*qq_at_) {                                                       \
        (head)->sqh_last = qq_at_;                                        \
    }                                                                     \
    qq_gone_->field.sqe_next = NULL;                                      \
} while (0)

#define QSIMPLEQ_INSERT_HEAD(head, elm, field) \
    QSIMPLEQ_LINK_(head, &(head)->sqh_first, elm, field)
#define QSIMPLEQ_INSERT_AFTER(head, after, elm, field) \
    QSIMPLEQ_LINK_(head, &(after)->field.sqe_next, elm, field)
#define QSIMPLEQ_INSERT_TAIL(head, elm, field) \
    QSIMPLEQ_LINK_(head, (head)->sqh_last, elm, field)

#define QSIMPLEQ_REMOVE_HEAD(head, field) \
    QSIMPLEQ_UNLINK_(head, &(head)->sqh_first, field)

/* @elm must be on the list; linear time. */
#define QSIMPLEQ_REMOVE(head, elm, type, field) do {                      \
    struct type **qq_pos_ = &(head)->sqh_first;                           \
    while (*qq_pos_ != (elm)) {                                           \
        qq_pos_ = &(*qq_pos_)->field.sqe_next;                            \
    }                                                                     \
    QSIMPLEQ_UNLINK_(head, qq_pos_, field);                               \
} while (0)

/* Append all elements of the second to the first; the second becomes empty. */
#define QSIMPLEQ_CONCAT(head1, head2) do {                                \
    if ((head2)->sqh_first) {                                             \
        *(head1)->sqh_last = (head2)->sqh_first;                          \
        (head1)->sqh_last = (head2)->sqh_last;                            \
        QSIMPLEQ_INIT(head2);                                             \
    }                                                                     \
} while (0)

/* Prepend all elements of the second to the first likewise. */
#define QSIMPLEQ_PREPEND(head1, head2) do {                               \
    if ((head2)->sqh_first) {                                             \
        *(head2)->sqh_last = (head1)->sqh_first;                          \
        if (!(head1)->sqh_first) {                                        \
            (head1)->sqh_last = (head2)->sqh_last;                        \
        }                                                                 \
        (head1)->sqh_first = (head2)->sqh_first;                          \
        QSIMPLEQ_INIT(head2);                                             \
    }                                                                     \
} while (0)

#define QSIMPLEQ_FOREACH(var, head, field)                                \
    for ((var) = (head)->sqh_first; (var); (var) = (var)->field.sqe_next)

#define QSIMPLEQ_FOREACH_SAFE(var, head, field, next)                     \
    for ((var) = (head)->sqh_first;                                       \
         (var) && ((next) = (var)->field.sqe_next, 1);                    \
         (var) = (next))

/*
 * QTAILQ: doubly linked with a tail.  Heads and links have the same layout: a
 * pointer to the next element and one to the link before it, which is the
 * head's for the first element; the head's second pointer is to the last link.
 * So the last element is what the link before the last one points at.
 */
typedef struct QTailQLink {
    void *tql_next;
    struct QTailQLink *tql_prev;
} QTailQLink;

#define QTAILQ_HEAD(name, type) union name {                              \
    struct type *tqh_first;                                               \
    QTailQLink tqh_circ;                                                  \
}
#define QTAILQ_HEAD_INITIALIZER(head) \
    { .tqh_circ = { NULL, &(head).tqh_circ } }
#define QTAILQ_ENTRY(type) union {                                        \
    struct type *tqe_next;                                                \
    QTailQLink tqe_circ;                                                  \
}

#define QTAILQ_FIRST(head) ((head)->tqh_first)
#define QTAILQ_NEXT(elm, field) ((elm)->field.tqe_next)
#define QTAILQ_EMPTY(head) ((head)->tqh_first == NULL)
/* True between an insertion and the next removal, if it was zeroed before. */
#define QTAILQ_IN_USE(elm, field) ((elm)->field.tqe_circ.tql_prev != NULL)

/* The element that @link's predecessor points at; NULL at the head. */
#define QTAILQ_BEFORE_(type, link) \
    ((type)(link).tql_prev->tql_prev->tql_next)
#define QTAILQ_LAST(head) \
    QTAILQ_BEFORE_(__typeof__((head)->tqh_first), (head)->tqh_circ)
#define QTAILQ_PREV(elm, field) \
    QTAILQ_BEFORE_(__typeof__((elm)->field.tqe_next), (elm)->field.tqe_circ)

#define QTAILQ_INIT(head) do {                                            \
    (head)->tqh_first = NULL;                                             \
    (head)->tqh_circ.tql_prev = &(head)->tqh_circ;                        \
} while (0)

/* Link @elm in after @prev, a head's or an element's link. */
#define QTAILQ_LINK_(head, prev, elm, field) do {                         \
    QTailQLink *qt_prev_ = (prev);                                        \
    (elm)->field.tqe_circ.tql_prev = qt_prev_;                            \
    (elm)->field.tqe_circ.tql_next = qt_prev_->tql_next;                  \
    if ((elm)->field.tqe_next) {                                          \
        (elm)->field.tqe_next->field.tqe_circ.tql_prev =                  \
            &(elm)->field.tqe_circ;                                       \
    } else {                                                              \
        (head)->tqh_circ.tql_prev = &(elm)->field.tqe_circ;               \
    }                                                                     \
    qt_prev_->tql_next = (elm);                                           \
} while (0)

#define QTAILQ_INSERT_HEAD(head, elm, field) \
    QTAILQ_LINK_(head, &(head)->tqh_circ, elm, field)
#define QTAILQ_INSERT_TAIL(head, elm, field) \
    QTAILQ_LINK_(head, (head)->tqh_circ.tql_prev, elm, field)
#define QTAILQ_INSERT_AFTER(head, after, elm, field) \
    QTAILQ_LINK_(head, &(after)->field.tqe_circ, elm, field)

/* @before is on a list, whose head need not be known. */
#define QTAILQ_INSERT_BEFORE(before, elm, field) do {                     \
    QTailQLink *qt_prev_ = (before)->field.tqe_circ.tql_prev;             \
    (elm)->field.tqe_circ.tql_prev = qt_prev_;                            \
    (elm)->field.tqe_circ.tql_next = (before);                            \
    (before)->field.tqe_circ.tql_prev = &(elm)->field.tqe_circ;           \
    qt_prev_->tql_next = (elm);                                           \
} while (0)

/* The link becomes NULL, which QTAILQ_IN_USE() looks at. */
#define QTAILQ_REMOVE(head, elm, field) do {                              \
    QTailQLink *qt_prev_ = (elm)->field.tqe_circ.tql_prev;                \
    if ((elm)->field.tqe_next) {                                          \
        (elm)->field.tqe_next->field.tqe_circ.tql_prev = qt_prev_;        \
    } else {                                                              \
        (head)->tqh_circ.tql_prev = qt_prev_;                             \
    }                                                                     \
    qt_prev_->tql_next = (elm)->field.tqe_circ.tql_next;                  \
    (elm)->field.tqe_circ.tql_next = NULL;                                \
    (elm)->field.tqe_circ.tql_prev = NULL;                                \
} while (0)

#define QTAILQ_FOREACH(var, head, field)                                  \
    for ((var) = (head)->tqh_first; (var); (var) = (var)->field.tqe_next)

#define QTAILQ_FOREACH_SAFE(var, head, field, next_var)                   \
    for ((var) = (head)->tqh_first;                                       \
         (var) && ((next_var) = (var)->field.tqe_next, 1);                \
         (var) = (next_var))

#define QTAILQ_FOREACH_REVERSE(var, head, field)                          \
    for ((var) = QTAILQ_LAST(head); (var);                                \
         (var) = QTAILQ_PREV(var, field))

#define QTAILQ_FOREACH_REVERSE_SAFE(var, head, field, prev_var)           \
    for ((var) = QTAILQ_LAST(head);                                       \
         (var) && ((prev_var) = QTAILQ_PREV(var, field), 1);              \
         (var) = (prev_var))

#endif
