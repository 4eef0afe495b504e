"""Score distillation: which cameras are rendered, at which noise levels the prior is asked, and what its answer asks for."""
