"""Made films with known sound moments: what the bundled model learns from and is measured on."""
