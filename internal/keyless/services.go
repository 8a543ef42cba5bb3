package keyless

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"
)

// Public are the services that sigstore runs for everybody. What they are and which keys they have is fetched from a repository
// that signs it (TUF), with a first key that is in this program.
type Public struct {
	Cache string // folder; what is younger than a day is taken from there

	url  string // of the repository; "": sigstore's
	root []byte // its first key; nil: sigstore's
}

// timeout is for one request to one of the services.
const timeout = 30 * time.Second

// withContext ends requests with a context: the fetcher knows none.
type withContext struct {
	ctx    context.Context
	client *http.Client
}

func (w withContext) Do(req *http.Request) (*http.Response, error) {
	return w.client.Do(req.WithContext(w.ctx))
}

func (p Public) open(ctx context.Context) (*tuf.Client, error) {
	o := tuf.DefaultOptions()
	o.CachePath = p.Cache
	if p.url != "" {
		o.RepositoryBaseURL, o.Root = p.url, p.root
	}
	f := fetcher.NewDefaultFetcher()
	f.SetHTTPClient(withContext{ctx, &http.Client{Timeout: timeout}})
	client, err := tuf.New(o.WithCacheValidity(1).WithFetcher(f).WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("ask %s for the keys of sigstore's services: %s", o.RepositoryBaseURL, words(err))
	}
	return client, nil
}

// Root says whom to trust with certificates, logs and timestamps.
type Root = root.TrustedMaterial

// TrustedRoot says whom to trust with certificates, logs and timestamps: a file says it, or sigstore where there is none ("").
func (p Public) TrustedRoot(ctx context.Context, file string) (Root, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		trusted, err := root.NewTrustedRootFromJSON(data)
		if err != nil {
			return nil, fmt.Errorf("%s: no trusted root: %s", file, words(err))
		}
		return trusted, nil
	}
	client, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	return root.GetTrustedRoot(client)
}

// SigningConfig says where the services are: a file says it, or sigstore where there is none ("").
func (p Public) SigningConfig(ctx context.Context, file string) (*root.SigningConfig, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		config, err := root.NewSigningConfigFromJSON(data)
		if err != nil {
			return nil, fmt.Errorf("%s: no signing config: %s", file, words(err))
		}
		return config, nil
	}
	client, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	return root.GetSigningConfig(client)
}
