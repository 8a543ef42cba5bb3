package publish

import (
	"context"
	"fmt"
)

// The most that the tags of a repository may have. Fifty thousand fixed tags fit.
const (
	mostOfNames    = 8 << 20 // bytes, with perName for each
	perName        = 16
	mostOfTagPages = 1000
)

// names are the names of all tags.
func (r *Repository) names(ctx context.Context) (names []string, err error) {
	err = r.try(ctx, func() error {
		names, err = r.namesOnce(ctx)
		return err
	})
	return names, err
}

// namesOnce reads page after page, as long as a registry may go on.
func (r *Repository) namesOnce(ctx context.Context) ([]string, error) {
	pages, err := r.reader().Lister(ctx, r.name)
	if err != nil {
		return nil, err
	}
	var names []string
	size := 0
	for n := 1; pages.HasNext(); n++ {
		page, err := pages.Next(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range page.Tags {
			size += perName + len(name)
		}
		if size > mostOfNames || n > mostOfTagPages {
			return nil, &listError{fmt.Sprintf("the list does not end: %d tags on %d pages, and more", len(names)+len(page.Tags), n)}
		}
		names = append(names, page.Tags...)
	}
	return names, nil
}
