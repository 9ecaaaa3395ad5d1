// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fragmentation (RFC 791, RFC 8200 4.5), for packets that the director sends itself. The one idea:
 * every fragment is written from the whole packet, which nobody changes: its head, corrected, and
 * the next bytes of the rest. Workers call it for tunnel packets larger than the way to the server
 * takes.
 */
#include "lvs/csum.h"
#include "lvs/fragment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#define EXTENSIONS_MAX 8 /* as the parser takes */
#define PACKET6_MAX    (65535u + sizeof(struct ip6_hdr))

/* Copies bytes @at .. @at + @len of the packet, which must have them. */
static void gather(const struct fragments *f, uint8_t *buf, size_t at, size_t len)
{
	for (size_t i = 0; i < f->parts_len && len; i++) {
		const struct iovec *part = &f->parts[i];
		size_t size;

		if (at >= part->iov_len) {
			at -= part->iov_len;
			continue;
		}
		size = part->iov_len - at < len ? part->iov_len - at : len;
		memcpy(buf, (const uint8_t *)part->iov_base + at, size);
		buf += size;
		len -= size;
		at = 0;
	}
}

static bool peek(const struct fragments *f, void *header, size_t at, size_t len)
{
	if (at + len > f->total)
		return false;
	gather(f, header, at, len);
	return true;
}

static int start_ip4(struct fragments *f)
{
	struct iphdr ip;

	if (!peek(f, &ip, 0, sizeof(ip)))
		return -EINVAL;
	f->head = ip.ihl * 4u;
	if (f->head < sizeof(ip) || f->head > f->total || f->total > IP_MAXPACKET)
		return -EINVAL;
	if (ip.id)
		f->id = ntohs(ip.id);
	if (f->total > f->mtu && f->mtu < f->head + 8)
		return -EMSGSIZE;
	return 0;
}

/*
 * What routers on the way read must be in every fragment: hop-by-hop options, and everything up to
 * a routing header. What comes behind it, the receiver reads when it has all.
 */
static int start_ip6(struct fragments *f)
{
	uint32_t at = sizeof(struct ip6_hdr), at_next = offsetof(struct ip6_hdr, ip6_nxt);
	struct ip6_ext ext;
	struct ip6_hdr ip;
	uint8_t next;

	if (!peek(f, &ip, 0, sizeof(ip)) || f->total > PACKET6_MAX)
		return -EINVAL;
	f->head = at;
	f->next_at = at_next;
	next = ip.ip6_nxt;
	for (unsigned int i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			break;
		if (!peek(f, &ext, at, sizeof(ext)))
			return -EINVAL;
		at_next = at;
		at += 8 * (ext.ip6e_len + 1u);
		if (at > f->total)
			return -EINVAL;
		if (next != IPPROTO_DSTOPTS) {
			f->head = at;
			f->next_at = at_next;
		}
		next = ext.ip6e_nxt;
	}
	if (f->total > f->mtu && f->mtu < f->head + sizeof(struct ip6_frag) + 8)
		return -EMSGSIZE;
	return 0;
}

uint32_t fragment_id(_Atomic uint32_t *last)
{
	uint32_t id;

	do {
		id = atomic_fetch_add_explicit(last, 1, memory_order_relaxed) + 1;
	} while (!(id & UINT16_MAX));
	return id;
}

int fragment_start(struct fragments *f, const struct iovec *parts, size_t parts_len, uint32_t mtu,
		   uint32_t id)
{
	size_t total = 0;
	uint8_t version;

	for (size_t i = 0; i < parts_len; i++)
		total += parts[i].iov_len;
	if (!total || total > PACKET6_MAX)
		return -EINVAL;
	*f = (struct fragments){.parts = parts,
				.parts_len = parts_len,
				.mtu = mtu,
				.id = id,
				.total = (uint32_t)total};
	gather(f, &version, 0, sizeof(version));
	switch (version >> 4) {
	case 4:
		return start_ip4(f);
	case 6:
		f->v6 = true;
		return start_ip6(f);
	}
	return -EINVAL;
}

/* Options without the copied flag are in the first fragment only; no operations take their place,
 * as in the kernel, so that all headers are of one length. */
static void options_blank(uint8_t *option, size_t len)
{
	while (len && *option != IPOPT_EOL) {
		size_t size = 1;

		if (*option != IPOPT_NOP) {
			if (len < 2 || option[1] < 2 || option[1] > len)
				return;
			size = option[1];
			if (!IPOPT_COPIED(*option))
				memset(option, IPOPT_NOP, size);
		}
		option += size;
		len -= size;
	}
}

/* @len bytes of the packet, from f->at on, were put behind the header at @buf. A packet that is a
 * fragment itself gives smaller ones. */
static void finish_ip4(const struct fragments *f, uint8_t *buf, uint32_t len)
{
	uint32_t offset = (f->at - f->head) / 8;
	struct iphdr ip;
	uint16_t flags;

	if (offset)
		options_blank(buf + sizeof(ip), f->head - sizeof(ip));
	memcpy(&ip, buf, sizeof(ip));
	flags = ntohs(ip.frag_off);
	offset += flags & IP_OFFMASK;
	flags &= IP_MF;
	if (f->at + len < f->total)
		flags = IP_MF;
	ip.tot_len = htons((uint16_t)(f->head + len));
	ip.id = htons((uint16_t)f->id);
	ip.frag_off = htons((uint16_t)(flags | offset));
	ip.check = 0;
	memcpy(buf, &ip, sizeof(ip));
	ip.check = csum_fold(csum_add_bytes(0, buf, f->head));
	memcpy(buf, &ip, sizeof(ip));
}

static void finish_ip6(const struct fragments *f, uint8_t *buf, uint32_t len)
{
	uint32_t more = f->at + len < f->total;
	struct ip6_frag fragment = {
		.ip6f_nxt = buf[f->next_at],
		.ip6f_offlg = htons((uint16_t)((f->at - f->head) | more)),
		.ip6f_ident = htonl(f->id),
	};
	__be16 plen = htons((uint16_t)(f->head - sizeof(struct ip6_hdr) + sizeof(fragment) + len));

	buf[f->next_at] = IPPROTO_FRAGMENT;
	memcpy(buf + offsetof(struct ip6_hdr, ip6_plen), &plen, sizeof(plen));
	memcpy(buf + f->head, &fragment, sizeof(fragment));
}

size_t fragment_next(struct fragments *f, uint8_t *buf)
{
	uint32_t head = f->head + (f->v6 ? (uint32_t)sizeof(struct ip6_frag) : 0);
	uint32_t len;

	if (f->at == f->total)
		return 0;
	if (f->total <= f->mtu) {
		gather(f, buf, 0, f->total);
		f->at = f->total;
		return f->total;
	}
	if (!f->at)
		f->at = f->head;
	len = f->total - f->at;
	if (head + len > f->mtu)
		len = (f->mtu - head) / 8 * 8;
	gather(f, buf, 0, f->head);
	gather(f, buf + head, f->at, len);
	if (f->v6)
		finish_ip6(f, buf, len);
	else
		finish_ip4(f, buf, len);
	f->at += len;
	return head + len;
}
