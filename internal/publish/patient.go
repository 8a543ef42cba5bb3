package publish

import (
	"net/http"
	"strconv"
	"time"
)

// longestWait is the most that a registry can make us wait before the next try.
const longestWait = 2 * time.Minute

// patient waits as long as a registry asks for (Retry-After, RFC 9110, 10.2.3) before it hands on that the registry has too much to do. Whoever is
// above tries again; it only waits for times of its own choice.
type patient struct{ inner http.RoundTripper }

func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.inner.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return resp, err
	}
	wait := min(retryAfter(resp.Header.Get("Retry-After"), time.Now()), longestWait)
	if wait <= 0 {
		return resp, nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-req.Context().Done():
	}
	return resp, nil
}

// retryAfter reads seconds or a date; 0: neither.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return t.Sub(now)
	}
	return 0
}
