# tests.awk: reads `go test -json`; prints a line a package, all that failing tests said, why tests were skipped, and
# as its last line "N passed, N failed, N skipped". Subtests count. Exit status 1 where one failed or none ran.

# field returns the JSON text of a key of this line; a quote inside a text is escaped, so the key cannot be in one.
function field(key,    at, s, n) {
	at = index($0, "\"" key "\":\"")
	if (!at) return ""
	s = substr($0, at + length(key) + 4)
	n = match(s, /^([^"\\]|\\.)*/)
	return substr(s, 1, RLENGTH)
}

function number(key,    at) {
	at = index($0, "\"" key "\":")
	return at ? substr($0, at + length(key) + 3) + 0 : 0
}

function plain(s,    out, at, c) {
	out = ""
	while ((at = index(s, "\\")) > 0) {
		out = out substr(s, 1, at - 1)
		c = substr(s, at + 1, 1)
		if (c == "u") {
			out = out unicode(substr(s, at + 2, 4))
			s = substr(s, at + 6)
			continue
		}
		out = out (c == "n" ? "\n" : c == "t" ? "\t" : c == "r" ? "" : c)
		s = substr(s, at + 2)
	}
	return out s
}

# unicode covers what Go escapes: <, >, & and control characters.
function unicode(hex) {
	if (hex == "003c") return "<"
	if (hex == "003e") return ">"
	if (hex == "0026") return "&"
	return "?"
}

function reason(text,    lines, n, i, out) {
	n = split(text, lines, "\n")
	for (i = 1; i <= n; i++)
		if (match(lines[i], /\.go:[0-9]+: /)) out = substr(lines[i], RSTART + RLENGTH)
	return out
}

BEGIN { passed = failed = skipped = 0; none = SUBSEP }

!/^\{/ { print; next }

{
	action = field("Action")
	pkg = field("Package")
	test = field("Test")
	id = pkg SUBSEP test
}

action == "build-output" { builds[field("ImportPath")] = builds[field("ImportPath")] plain(field("Output")); next }
action == "build-fail" { report = report builds[field("ImportPath")]; next }
action == "output" { said[id] = said[id] plain(field("Output")); next }
action == "run" { open[id] = 1; next }

test != "" && (action == "pass" || action == "fail" || action == "skip") {
	delete open[id]
	count[pkg]++
	if (action == "pass") passed++
	if (action == "skip") {
		skipped++
		skips = skips "  " pkg " " test ": " reason(said[id]) "\n"
	}
	if (action == "fail") {
		failed++
		broken[pkg]++
		report = report said[id]
	}
	delete said[id]
	next
}

test == "" && (action == "pass" || action == "fail" || action == "skip") {
	for (k in open) { # a test that was running when its program died
		split(k, part, SUBSEP)
		if (part[1] != pkg) continue
		failed++
		broken[pkg]++
		report = report said[k] "    " part[2] " did not end\n"
		delete open[k]
	}
	if (action == "fail") {
		if (!broken[pkg]) failed++ # it did not build, or died outside its tests
		report = report said[id]
	}
	if (action != "skip") {
		printf "%-5s %s  %.1fs, %d tests\n", action == "pass" ? "ok" : "FAIL", pkg, number("Elapsed"), count[pkg]
		fflush()
	}
	delete said[id]
}

END {
	if (report != "") printf "\n%s", report
	if (skips != "") printf "\nskipped:\n%s", skips
	printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit failed > 0 || passed == 0
}
