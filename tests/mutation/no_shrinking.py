"""A plugin of pytest: hypothesis stops at the first example that fails, which is enough to kill a mutant."""
from hypothesis import Phase, settings

settings.register_profile("no-shrinking", max_examples=60, derandomize=True, deadline=None,
                          phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False)
