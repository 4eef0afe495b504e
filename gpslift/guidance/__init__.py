"""Score distillation: which cameras are rendered, at which noise levels the prior is asked, what follows."""
