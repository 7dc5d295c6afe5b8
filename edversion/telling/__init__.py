"""What was found, as people read it elsewhere: in a pull request, in a spreadsheet.

values, cells     numbers, times and the cells of a section, as text
markdown          a comparison for a pull request
spreadsheet       a comparison as CSV
"""
