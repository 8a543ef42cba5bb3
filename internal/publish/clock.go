package publish

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// mostSkew is how far this machine's clock and a registry's may be apart. Days and last days are what depends on it, and a day's error begins with
// an hour or two (time zones that are taken for UTC).
const mostSkew = time.Hour

// ClockError is a clock that is wrong, this machine's or the registry's.
type ClockError struct {
	Registry    string
	Here, There time.Time
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("this machine's clock says %s, and that of %s %s", e.Here.UTC().Format(time.RFC3339), e.Registry, e.There.UTC().Format(time.RFC3339))
}

// clock notes what time a registry says it is (Date, RFC 9110, 6.6.1). Of all answers the one counts that is nearest to the time here: caches
// and mirrors on the way give old ones.
type clock struct {
	inner http.RoundTripper

	mu          sync.Mutex
	here, there time.Time // zero: no answer had a time
}

func (c *clock) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.inner.RoundTrip(req)
	if err != nil {
		return resp, err
	}
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return resp, nil //nolint:nilerr // it says no time
	}
	if age, err := strconv.Atoi(resp.Header.Get("Age")); err == nil && age > 0 { // seconds that a cache kept it
		there = there.Add(time.Duration(age) * time.Second)
	}
	c.note(time.Now(), there)
	return resp, nil
}

func (c *clock) note(here, there time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.there.IsZero() || here.Sub(there).Abs() < c.here.Sub(c.there).Abs() {
		c.here, c.there = here, there
	}
}

// Clock says that this machine's clock and the registry's are more than an hour apart, as far as the registry was asked anything yet: [ClockError].
// Nothing moves then: fixed tags have the day, and waivers end on one.
func (r *Repository) Clock() error {
	c := r.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.there.IsZero() || c.here.Sub(c.there).Abs() <= mostSkew {
		return nil
	}
	return &ClockError{r.name.RegistryStr(), c.here, c.there}
}
