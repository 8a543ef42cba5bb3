// Loads a library as the HIP runtime would find it: prints what its code computes, and for each wrapper the bytes its
// pointer leads to in memory.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct wrapper {
	uint32_t magic, version;
	const unsigned char *binary;
	void *unused;
};

static uint64_t u64(const unsigned char *p) {
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

// Length of a plain bundle or a compressed one of version 3.
static uint64_t length(const unsigned char *p) {
	if (memcmp(p, "CCOB", 4) == 0) return u64(p + 8);
	uint64_t count = u64(p + 24), end = 32;
	const unsigned char *row = p + 32;
	while (count--) {
		if (u64(row) + u64(row + 8) > end) end = u64(row) + u64(row + 8);
		row += 24 + u64(row + 16);
	}
	return end > (uint64_t)(row - p) ? end : (uint64_t)(row - p);
}

int main(int argc, char **argv) {
	void *library = dlopen(argv[1], RTLD_NOW);
	if (argc < 2 || !library) {
		printf("%s\n", dlerror());
		return 1;
	}
	long (*probe)(void) = (long (*)(void))dlsym(library, "probe");
	if (probe) printf("probe %ld\n", probe());
	const struct wrapper *w = ((const struct wrapper *(*)(void))dlsym(library, "wrappers"))();
	int n = ((int (*)(void))dlsym(library, "wrapper_count"))();
	for (int i = 0; i < n; i++) {
		uint64_t size = length(w[i].binary), hash = 14695981039346656037u;
		for (uint64_t k = 0; k < size; k++) hash = (hash ^ w[i].binary[k]) * 1099511628211u; // FNV-1a
		printf("wrapper %d %x %d aligned %d bytes %llu hash %016llx\n", i, w[i].magic, w[i].version,
			(uintptr_t)w[i].binary % 4096 == 0, (unsigned long long)size, (unsigned long long)hash);
	}
	return 0;
}
