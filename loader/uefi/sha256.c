// SPDX-License-Identifier: MIT
/* SHA-256 (FIPS 180-4), for there is no library before the operating system. */
#include "sha256.h"
#include "string.h"

#define BLOCK 64u

static const uint32_t round_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value >> bits | value << (32 - bits);
}

static void expand(uint32_t word[64], const uint8_t *block)
{
	for (unsigned i = 0; i < 16; i++)
		word[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
			  (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (unsigned i = 16; i < 64; i++) {
		uint32_t a = word[i - 15], b = word[i - 2];

		word[i] = word[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + word[i - 7] +
			  (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

static void take_block(uint32_t hash[8], const uint8_t *block)
{
	uint32_t word[64], v[8];

	expand(word, block);
	for (unsigned i = 0; i < 8; i++)
		v[i] = hash[i];
	for (unsigned i = 0; i < 64; i++) {
		uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		uint32_t first = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
				 choice + round_constant[i] + word[i];
		uint32_t second =
			(rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + majority;

		for (unsigned j = 7; j; j--)
			v[j] = v[j - 1];
		v[4] += first;
		v[0] = first + second;
	}
	for (unsigned i = 0; i < 8; i++)
		hash[i] += v[i];
}

/* A one, zeros, and the length in bits at the end of a block. */
static void take_rest(uint32_t hash[8], const uint8_t *data, uint64_t bytes)
{
	uint8_t block[2 * BLOCK];
	uint64_t rest = bytes % BLOCK, size = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;

	memset(block, 0, sizeof(block));
	memcpy(block, data + bytes - rest, rest);
	block[rest] = 0x80;
	for (unsigned i = 0; i < 8; i++)
		block[size - 1 - i] = bytes * 8 >> 8 * i;
	for (uint64_t at = 0; at < size; at += BLOCK)
		take_block(hash, block + at);
}

void sha256(const uint8_t *data, uint64_t bytes, uint8_t digest[SHA256_BYTES])
{
	uint32_t hash[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	for (uint64_t at = 0; at + BLOCK <= bytes; at += BLOCK)
		take_block(hash, data + at);
	take_rest(hash, data, bytes);
	for (unsigned i = 0; i < SHA256_BYTES; i++)
		digest[i] = hash[i / 4] >> (24 - i % 4 * 8);
}
