// @ts-check
/** Plain words for every error code: what happened, and what to do about it. */

import { say } from "./text.js";

/** @typedef {{ title: string, advice: string }} Words */

const GET_BROWSER = "Use a current Chrome, Edge or Chromium; Safari from version 26; or Firefox from version 141 where it has WebGPU switched on.";
const TRY_SMALLER = "Try a smaller picture, and close other tabs and programs that use the GPU.";
const START_ANEW = "Try again: the engine starts anew, and nothing stored is lost.";
const TAKE_FILE = "Download the file with the browser and choose it from this device, or take the model from another address.";
const PACKER = "If this model is yours, pack it again with the pack tool and copy the whole folder.";
const CHECKPOINT = "It has to be Stable Diffusion XL 1.0 or a model trained from it: a base in the base's place, a refiner in the refiner's.";

/** @type {Record<string, Words>} */
const WORDS = {
  InsecureContext: { title: "This address cannot use the GPU", advice: "Open the page by https://, or from localhost." },
  NoWebGPU: { title: "This browser cannot use the GPU", advice: GET_BROWSER },
  NoAdapter: {
    title: "The browser offers no GPU",
    advice: "Switch on hardware acceleration in the browser's settings, update the graphics driver, then restart the browser. chrome://gpu tells the reason.",
  },
  LimitsTooSmall: { title: "This GPU is too small", advice: "Try another browser or a device with a stronger GPU." },
  TooLarge: { title: "This is too large for the GPU's memory", advice: "Choose a smaller picture, or a model packed in fewer bits." },
  LimitTooSmall: { title: "This is too large for this GPU", advice: "Choose a smaller picture or model, or try a device with a stronger GPU." },
  NoStorage: { title: "This browser stores nothing for the page", advice: "Leave private browsing, or allow this site to store data." },
  NoGunzip: { title: "This browser is too old", advice: GET_BROWSER },
  MissingManifest: {
    title: "There is no model at this address",
    advice: "The address must be a folder that holds base/manifest.json. The pack tool makes such a folder.",
  },
  BadManifest: { title: "The model's manifest cannot be used", advice: PACKER },
  MissingShard: { title: "A part of the model is missing", advice: `Try again to load it. ${PACKER}` },
  BadShard: { title: "A part of the model is damaged", advice: `Try again: only that part is loaded once more, everything else is kept. If it stays, the served file itself is damaged. ${PACKER}` },
  Network: { title: "The network was cut", advice: "What was loaded is kept. Try again when the network is back, and loading goes on from there." },
  Quota: {
    title: "There is not enough storage for the model",
    advice: "Free space on this device, or remove the data of other sites in the browser's settings. What was loaded is kept.",
  },
  Storage: { title: "The browser could not store the model", advice: "What was stored before is kept. Try again; if it stays, restart the browser." },
  NoAccess: {
    title: "The server does not give this model to everybody",
    advice: "If its site asks for an agreement, accept it there, make an access token, and enter that here. It is sent to that server only and not stored.",
  },
  NoRange: {
    title: "This server cannot serve parts of files",
    advice: TAKE_FILE,
  },
  NoCors: {
    title: "This server does not let pages read from it",
    advice: TAKE_FILE,
  },
  FileChanged: {
    title: "The files have changed",
    advice: "What is stored was made of other files. Choose the files that it was made of, or remove the stored model and load it anew.",
  },
  Incomplete: { title: "The model is not stored completely", advice: "Load it again from where it came: what is here is kept, and only the rest is read." },
  OtherTab: { title: "Another tab is at it", advice: "Wait until it is done there, or close that tab; what it stored is kept." },
  BadAddress: { title: "This is no address of a model", advice: "Name a repository, such as stabilityai/stable-diffusion-xl-base-1.0, or an address that begins with https://." },
  BadName: { title: "This name cannot be used", advice: "Choose another one." },
  BadArchive: { title: "The archive cannot be used", advice: "Export the model again, and copy the whole file." },
  BadPicture: { title: say("badPicture"), advice: say("badPictureAdvice") },
  BadRequest: { title: "The engine cannot draw this", advice: "Change the marked field." },
  NotLoaded: { title: "No model is loaded", advice: START_ANEW },
  Busy: { title: "A picture is being drawn already", advice: "Wait for it, or cancel it." },
  DeviceLost: { title: "The GPU went away", advice: `${START_ANEW} ${TRY_SMALLER}` },
  OutOfMemory: { title: "The GPU ran out of memory", advice: `${TRY_SMALLER} ${START_ANEW}` },
  GpuError: { title: "The GPU refused a command", advice: START_ANEW },
  Device: { title: "The GPU failed", advice: `${START_ANEW} ${TRY_SMALLER}` },
  MissingTensor: { title: "The model is not complete", advice: PACKER },
  ShapeMismatch: { title: "The model does not fit together", advice: PACKER },
  UnexpectedTensor: { title: "The model does not fit together", advice: PACKER },
  WrongTensors: { title: "The model does not fit together", advice: CHECKPOINT },
  BadCheckpoint: { title: "The model's weights cannot be used", advice: CHECKPOINT },
  BadLora: { title: "This LoRA cannot be used", advice: "Choose another one, made for SDXL 1.0, or go on without it." },
  MissingLora: { title: "A LoRA is no longer here", advice: "Add it again, or go on without it." },
  BadConfig: { title: "The model's configuration cannot be used", advice: CHECKPOINT },
  Tokenizer: { title: "The model's vocabulary cannot be used", advice: PACKER },
  Io: { title: "A part of the model could not be read", advice: START_ANEW },
  NotFinite: { title: "The numbers ran away", advice: "Try another seed, less guidance or more steps." },
  Png: { title: "The picture could not be written", advice: START_ANEW },
  Panic: { title: "The engine broke down", advice: `${START_ANEW} If it happens again with the same settings, please report the text above.` },
  EngineMissing: { title: "The engine did not start", advice: "Run ./build.sh so that www/pkg exists, and serve the whole folder. Then reload the page." },
  WorkerFailed: { title: "The page's worker did not start", advice: "Reload the page. If it stays, some file of the page is missing on the server." },
  WorkerEnded: { title: "The engine was ended", advice: START_ANEW },
};

/** @type {Words} */
const UNKNOWN = { title: "Something went wrong", advice: START_ANEW };

/** @param {string} code @returns {Words} */
export function wordsFor(code) {
  return WORDS[code] ?? UNKNOWN;
}

/** @param {unknown} error */
export function isAbort(error) {
  return error instanceof Error && error.name === "AbortError";
}
