# Targets around the build: dependencies, tests, benchmarks, installing.

##   deps         install what building and testing need (Debian, as root or with sudo)
.PHONY: deps deps-run
deps:
	@bash tests/tools/deps.sh all
deps-run:
	@bash tests/tools/deps.sh run
