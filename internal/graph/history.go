package graph

const packagesLayer = "runtime: packages as one layer"

func imageLayer(recipe string) string { return "image: " + recipe }

// CreatedBy is what an image's history says of its layers: of each of the base's, then of ours in order. BuildKit writes it where it
// makes a layer; of one that came from a registry's cache it knows only that, and equal inputs would not give equal images.
func CreatedBy(in Input) (base string, own []string) {
	from := in.Base.Image
	if in.Base.Layout != "" {
		from = layoutName("base", in.Base.Layout)
	}
	return "pulled from " + from, []string{packagesLayer, imageLayer(in.Recipe.Name.Value)}
}
