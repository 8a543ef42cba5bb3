// Package upstream reads llama.cpp's history, from a clone or from its server: commits and their build numbers, pull
// request heads, files, diffs and whole trees of pinned commits.
//
// It does not decide which commit is right, and it changes no repository it is given. Git is read with go-git, never with
// a git binary; what has to be fetched goes to a cache folder or a temporary one.
package upstream

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// URL is the public llama.cpp repository: the source where none is given, and what a lock file names.
const URL = "https://github.com/ggml-org/llama.cpp"

// Source is where llama.cpp's commits come from. Exactly one field is set.
type Source struct {
	URL  string // https, or http on the loopback interface
	Path string // absolute path of a bare repository or a checkout
}

// String returns the URL or the path.
func (s Source) String() string {
	if s.Path != "" {
		return s.Path
	}
	return s.URL
}

// scpForm is git's short way to write an ssh address.
var scpForm = regexp.MustCompile(`^[^/\\]+@[^/]+:`)

// ParseSource reads an https URL or the path of an existing repository. Other schemes are refused; ssh above all,
// because it needs a user's keys, and a lock's source is read by everybody.
func ParseSource(s string) (Source, error) {
	scheme, rest, isURL := strings.Cut(s, "://")
	switch {
	case s == "":
		return Source{}, fmt.Errorf("source is empty; give an https URL or the path of a clone")
	case isURL && scheme == "file":
		return parsePath(s, rest)
	case isURL && (scheme == "https" || scheme == "http"):
		return parseURL(s)
	case isURL && scheme == "ssh", !isURL && scpForm.MatchString(s):
		return Source{}, fmt.Errorf("source %q: ssh is not supported, because it needs a user's keys; "+
			"give the repository's https URL or the path of a clone", s)
	case isURL:
		return Source{}, fmt.Errorf("source %q: scheme %q is not supported; give an https URL or the path of a clone", s, scheme)
	}
	return parsePath(s, s)
}

func parseURL(s string) (Source, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "":
		return Source{}, fmt.Errorf("source %q is not a URL", s)
	case u.User != nil:
		return Source{}, fmt.Errorf("source %q has credentials in it, which would end up in lock files and image labels; "+
			"clone the repository and give the clone's path", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return Source{}, fmt.Errorf("source %q has a query or a fragment; give the repository alone and the commit with --base", s)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return Source{}, fmt.Errorf("source %q: http is accepted on this host only; use https", s)
	}
	return Source{URL: strings.TrimRight(s, "/")}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func parsePath(s, path string) (Source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Source{}, fmt.Errorf("source %q: %w", s, err)
	}
	if _, err := os.Stat(abs); err != nil {
		return Source{}, fmt.Errorf("source %q: no such file or folder", s)
	}
	r, err := open(abs)
	if err != nil {
		return Source{}, fmt.Errorf("source %q: %w", s, err)
	}
	return Source{Path: abs}, r.Close()
}

// plainPath needs no quotes in a shell.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`)

// GitIn begins a git command in a clone, as a shell reads it.
func GitIn(path string) string {
	if !plainPath.MatchString(path) {
		path = "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return "git -C " + path
}
