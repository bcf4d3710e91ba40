/* SPDX-License-Identifier: MIT */
/*
 * Reads a fuzz input from its front.
 *
 * Invariant: an input that has ended gives zeroes, so nothing has to check for
 * its end but the loop that reads operations.  Numbers are little-endian.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

typedef struct FuzzInput {
    const uint8_t *at;
    size_t left;
} FuzzInput;

static inline uint8_t input_8(FuzzInput *in)
{
    if (!in->left) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

static inline uint16_t input_16(FuzzInput *in)
{
    uint16_t low = input_8(in);

    return low | input_8(in) << 8;
}

static inline uint32_t input_32(FuzzInput *in)
{
    uint32_t low = input_16(in);

    return low | (uint32_t)input_16(in) << 16;
}

/* Up to @size bytes; *@bytes points into the input. */
static inline size_t input_bytes(FuzzInput *in, size_t size,
                                 const uint8_t **bytes)
{
    size_t n = MIN(size, in->left);

    *bytes = in->at;
    in->at += n;
    in->left -= n;
    return n;
}

#endif
