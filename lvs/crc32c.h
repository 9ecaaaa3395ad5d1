/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_CRC32C_H
#define LVS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC32c (Castagnoli), which is SCTP's checksum (RFC 9260, appendix A). A "crc" is the register: it
 * begins as CRC32C_INIT, and the field of a packet is its complement, least significant byte first.
 * Pure; any thread.
 */
#define CRC32C_INIT 0xffffffffu

/* The register after @len more bytes, of any alignment. */
uint32_t crc32c_add(uint32_t crc, const void *data, size_t len);

/* What @len bytes of zero after them make of a register's, or of two registers' difference. */
uint32_t crc32c_add_zeros(uint32_t crc, uint16_t len);

#endif
