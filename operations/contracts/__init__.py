"""The rules contracts change by: pinned texts and ids never change, and every version reads what was written before."""
