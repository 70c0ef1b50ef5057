// @ts-check
/** What a picture is asked for with where nobody says otherwise: by SDXL, as its documentation has it, and by the demo model. */

export const SDXL = { steps: 30, guidance: 5, switchAt: 0.8 };
export const DEMO = { steps: 20, guidance: 4, switchAt: 0.8 };
