"""Landmarks made by rule and photographed by simulated tourists: the embedded data, with known truth."""
