// A library with what a HIP library has: code, constants, pointers to relocate, zeroed data, thread-local data and
// unwind tables. The bundles and wrappers come from the assembler file the test writes.
#include <stdint.h>
#include <unwind.h>

struct wrapper {
	uint32_t magic, version;
	const unsigned char *binary;
	void *unused;
};
extern const struct wrapper fixture_wrappers[], fixture_wrappers_end[];

const struct wrapper *wrappers(void) { return fixture_wrappers; }
int wrapper_count(void) { return (int)(fixture_wrappers_end - fixture_wrappers); }

static int one(void) { return 1; }
static int two(void) { return 20; }
static int (*const table[])(void) = {one, two};
static const char *words[] = {"constants", "behind", "pointers"};
static char zeroed[100000];
static __thread int local = 300;

static _Unwind_Reason_Code count(struct _Unwind_Context *context, void *frames) {
	(void)context;
	++*(int *)frames;
	return _URC_NO_REASON;
}

// Walks the stack through .eh_frame, which lies behind .hip_fatbin in the file.
static __attribute__((noinline)) int frames(int depth) {
	int n = 0;
	if (depth > 0) {
		n = frames(depth - 1);
		__asm__ volatile("" : "+r"(n));
		return n;
	}
	_Unwind_Backtrace(count, &n);
	return n;
}

long probe(void) {
	long sum = local + table[0]() + table[1]();
	for (int i = 0; i < 3; i++)
		for (const char *c = words[i]; *c; c++) sum = sum * 31 + *c;
	for (unsigned i = 0; i < sizeof zeroed; i++) sum += zeroed[i];
	int deep = frames(5) - frames(0); // 5, if every frame was found
	return (sum & 0xffffff) * 100 + deep;
}
