.PHONY: test unit clean
unit: tests
	@for t in $(TEST_BIN); do $$t || exit 1; done
clean:
	rm -rf $(BUILD)
