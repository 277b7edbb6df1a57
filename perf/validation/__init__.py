"""Everything that can be measured of this project, in one run on a fresh clone, and one report of what it promises."""
