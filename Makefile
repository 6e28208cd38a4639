# All commands are implemented in tools/lab.py. On Windows use: py tools\lab.py COMMAND
PYTHON ?= python3
export PIP_ARGS

.PHONY: help lab test test-browser test-oldest notebooks benchmark student grade wheel site
help:
	@$(PYTHON) tools/lab.py help
lab:
	@$(PYTHON) tools/lab.py lab $(ARGS)
test:
	@$(PYTHON) tools/lab.py test $(ARGS)
test-browser:
	@$(PYTHON) tools/lab.py test-browser $(ARGS)
test-oldest:
	@$(PYTHON) tools/lab.py test-oldest $(ARGS)
notebooks:
	@$(PYTHON) tools/lab.py notebooks $(ARGS)
benchmark:
	@$(PYTHON) tools/lab.py benchmark $(ARGS)
student:
	@$(PYTHON) tools/lab.py student $(ARGS)
grade:
	@$(PYTHON) tools/lab.py grade $(ARGS)
wheel:
	@$(PYTHON) tools/lab.py wheel $(ARGS)
site:
	@$(PYTHON) tools/lab.py site $(ARGS)
