package analyze

// Question is a row of the catalogue, for tests.
type Question struct{ Name, Cols, Slow, Order string }

// Questions lists the catalogue.
func Questions() []Question {
	var list []Question
	for _, q := range catalog {
		list = append(list, Question{q.name, q.cols, q.slow, q.order})
	}
	return list
}

// Match reports whether one of the globs matches word.
func Match(word string, globs ...string) bool { return compile(globs).MatchString(word) }
